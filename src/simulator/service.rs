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
    /// `POST /dnb/credit-data-companies/v2/companies`
    #[serde(rename = "dnb.company-search")]
    DnbCompanySearch,
    /// `POST /dnb/credit-data-companies/v2/companies/se`
    #[serde(rename = "dnb.company")]
    DnbCompany,
    /// `POST /dnb/credit-data-persons/v1/persons/se/credit-data`
    #[serde(rename = "dnb.person")]
    DnbPerson,
    /// `POST /dnb/nordic-rts/v1/rts/company/{detailed|compact}/SE`
    #[serde(rename = "dnb.signing")]
    DnbSigning,
    /// `GET /bisnode/consumerintelligence/person/v2/person/search`
    #[serde(rename = "bisnode.person-search")]
    BisnodePersonSearch,
    /// Any other address of any other provider.
    Elsewhere,
    /// `POST /v1/authenticate`, and every provider's `/PROVIDER/token`
    Login,
    /// `GET …/health`
    Health,
}

impl Service {
    /// Those of Creditsafe.
    pub(super) const CREDITSAFE: [Self; 6] = [
        Self::GetData,
        Self::GetDataUnits,
        Self::DatecheckCompany,
        Self::DatecheckConsumer,
        Self::Spar,
        Self::GetSignatory,
    ];

    /// Those of D&B Nordic and Bisnode.
    pub(super) const NORDIC: [Self; 5] = [
        Self::DnbCompanySearch,
        Self::DnbCompany,
        Self::DnbPerson,
        Self::DnbSigning,
        Self::BisnodePersonSearch,
    ];

    /// Whether it answers questions for money.
    pub(super) const fn is_data(self) -> bool {
        !matches!(self, Self::Login | Self::Health)
    }

    /// The name in scenario files and the bill; Creditsafe's are named as its job files name them.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetData => "getdata",
            Self::GetDataUnits => "getdataunits",
            Self::DatecheckCompany => "datecheck-company",
            Self::DatecheckConsumer => "datecheck-consumer",
            Self::Spar => "spar",
            Self::GetSignatory => "getsignatory",
            Self::DnbCompanySearch => "dnb.company-search",
            Self::DnbCompany => "dnb.company",
            Self::DnbPerson => "dnb.person",
            Self::DnbSigning => "dnb.signing",
            Self::BisnodePersonSearch => "bisnode.person-search",
            Self::Elsewhere => "elsewhere",
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
            Self::DnbCompanySearch => "/dnb/credit-data-companies/v2/companies",
            Self::DnbCompany => "/dnb/credit-data-companies/v2/companies/se",
            Self::DnbPerson => "/dnb/credit-data-persons/v1/persons/se/credit-data",
            Self::DnbSigning => "/dnb/nordic-rts/v1/rts/company/{detail}/SE",
            Self::BisnodePersonSearch => "/bisnode/consumerintelligence/person/v2/person/search",
            Self::Elsewhere => "/{provider}/{*path}",
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
            Self::Health
            | Self::DnbCompanySearch
            | Self::DnbCompany
            | Self::DnbPerson
            | Self::DnbSigning
            | Self::BisnodePersonSearch
            | Self::Elsewhere => "Health",
        }
    }
}
