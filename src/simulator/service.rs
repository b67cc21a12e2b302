//! The addresses that are imitated, under the names that job files and scenario files use.

use serde::Deserialize;

/// One address, or the few that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// `GET /getdata`
    #[serde(rename = "getdata")]
    GetData,
    /// `GET /getdataunit`
    #[serde(rename = "getdataunits")]
    GetDataUnits,
    /// `GET /datecheck/company`
    DatecheckCompany,
    /// `GET /datecheck/consumer`
    DatecheckConsumer,
    /// `GET /spar`
    Spar,
    /// `GET /getsignatory`
    #[serde(rename = "getsignatory")]
    GetSignatory,
    /// `POST /v1/authenticate`
    Login,
    /// `GET …/health`
    Health,
}

impl Service {
    /// Those that answer questions for money.
    pub(super) const DATA: [Self; 6] = [
        Self::GetData,
        Self::GetDataUnits,
        Self::DatecheckCompany,
        Self::DatecheckConsumer,
        Self::Spar,
        Self::GetSignatory,
    ];

    /// The name in job files, scenario files and the bill.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetData => "getdata",
            Self::GetDataUnits => "getdataunits",
            Self::DatecheckCompany => "datecheck-company",
            Self::DatecheckConsumer => "datecheck-consumer",
            Self::Spar => "spar",
            Self::GetSignatory => "getsignatory",
            Self::Login => "login",
            Self::Health => "health",
        }
    }

    /// Where it is called.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::GetData => "/getdata",
            Self::GetDataUnits => "/getdataunit",
            Self::DatecheckCompany => "/datecheck/company",
            Self::DatecheckConsumer => "/datecheck/consumer",
            Self::Spar => "/spar",
            Self::GetSignatory => "/getsignatory",
            Self::Login => "/v1/authenticate",
            Self::Health => "/health",
        }
    }

    /// The name and id that `metaData.resource` and the health address give. The id of DateCheck Consumer is not
    /// published; 1220 is the next free one.
    pub(super) const fn resource(self) -> &'static str {
        match self {
            Self::GetData => "GetData (1217)",
            Self::GetDataUnits => "GetDataUnit (1218)",
            Self::DatecheckCompany => "DateCheck Company (1219)",
            Self::DatecheckConsumer => "DateCheck Consumer (1220)",
            Self::Spar => "SPAR (1231)",
            Self::GetSignatory => "GetSignatory (1227)",
            Self::Login => "Authenticate",
            Self::Health => "Health",
        }
    }
}
