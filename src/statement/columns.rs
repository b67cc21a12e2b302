//! Which column is which.

use super::StatementError;
use super::cells::names_other_currency;
use crate::domain::invoice::ColumnNames;
use crate::domain::text::column_name;

/// What a column holds, and how it is found.
struct Role {
    what: &'static str,
    flag: &'static str,
    key: &'static str,
    /// What it is usually called: letters and digits in lower case, the surest name first.
    usual: &'static [&'static str],
}

const DATE: Role = Role {
    what: "date",
    flag: "date",
    key: "date",
    usual: &["date", "datum", "transactiondate", "transaktionsdatum", "timestamp", "tidpunkt", "day", "dag"],
};
const REFERENCE: Role = Role {
    what: "transactionid or apiLogId",
    flag: "reference",
    key: "reference",
    usual: &[
        "transactionid",
        "transaktionsid",
        "reference",
        "referens",
        "yourreference",
        "erreferens",
        "customerreference",
        "kundreferens",
        "ref",
    ],
};
const LOG_ID: Role = Role {
    what: "apiLogId",
    flag: "log-id",
    key: "log_id",
    usual: &["apilogid", "logid", "apiloggid", "loggid"],
};
const SERVICE: Role = Role {
    what: "service",
    flag: "service",
    key: "service",
    usual: &["service", "tjänst", "tjanst", "product", "produkt", "article", "artikel", "resource", "resurs"],
};
const AMOUNT: Role = Role {
    what: "amount",
    flag: "amount",
    key: "amount",
    usual: &[
        "amount",
        "belopp",
        "amountsek",
        "beloppsek",
        "beloppkr",
        "price",
        "pris",
        "pricesek",
        "prissek",
        "priskr",
        "cost",
        "kostnad",
        "sum",
        "summa",
    ],
};
const CURRENCY: Role =
    Role { what: "currency", flag: "currency", key: "currency", usual: &["currency", "valuta"] };

/// Where each column stands.
pub(super) struct Places {
    pub(super) date: usize,
    pub(super) reference: Option<usize>,
    pub(super) log_id: Option<usize>,
    pub(super) service: usize,
    pub(super) amount: usize,
    pub(super) currency: Option<usize>,
}

/// The header of a file.
struct Header<'a> {
    file: &'a str,
    there: &'a [String],
}

impl Places {
    pub(super) fn find(file: &str, there: &[String], names: &ColumnNames) -> Result<Self, StatementError> {
        let header = Header { file, there };
        let reference = header.maybe(&REFERENCE, names.reference.as_deref())?;
        let log_id = header.maybe(&LOG_ID, names.log_id.as_deref())?;
        if reference.is_none() && log_id.is_none() {
            return Err(header.missing(&REFERENCE));
        }
        let places = Self {
            date: header.alone(&DATE, names.date.as_deref())?,
            reference,
            log_id,
            service: header.needed(&SERVICE, names.service.as_deref())?,
            amount: header.alone(&AMOUNT, names.amount.as_deref())?,
            currency: header.maybe(&CURRENCY, names.currency.as_deref())?,
        };
        let column = &there[places.amount];
        if names_other_currency(column) {
            return Err(StatementError::NotSek { file: file.to_owned(), column: column.clone() });
        }
        Ok(places)
    }
}

impl Header<'_> {
    fn needed(&self, role: &Role, name: Option<&str>) -> Result<usize, StatementError> {
        self.maybe(role, name)?.ok_or_else(|| self.missing(role))
    }

    /// The same where no second column may be it: which of two amounts was billed, and whether a date is the call's or the
    /// invoice's, is nobody's to guess.
    fn alone(&self, role: &Role, name: Option<&str>) -> Result<usize, StatementError> {
        let may_be = |there: &&String| role.usual.contains(&plain(there).as_str());
        let columns: Vec<String> = self.there.iter().filter(may_be).cloned().collect();
        let differ = columns.iter().any(|column| plain(column) != plain(&columns[0]));
        if name.is_none() && differ {
            let (what, flag, key) = (role.what, role.flag, role.key);
            return Err(StatementError::Several { file: self.file.to_owned(), what, flag, key, columns });
        }
        self.needed(role, name)
    }

    /// The column that was named, else the one that is usually called so.
    fn maybe(&self, role: &Role, name: Option<&str>) -> Result<Option<usize>, StatementError> {
        if let Some(name) = name {
            let plain = column_name(name);
            return self.only(role, name, |there| there == plain).map(Some);
        }
        for usual in role.usual {
            if let Some(there) = self.there.iter().find(|there| plain(there) == **usual) {
                return self.only(role, there, |there| plain(there) == **usual).map(Some);
            }
        }
        Ok(None)
    }

    fn only(&self, role: &Role, name: &str, is_it: impl Fn(&str) -> bool) -> Result<usize, StatementError> {
        let found: Vec<usize> = (0..self.there.len()).filter(|at| is_it(&self.there[*at])).collect();
        match found[..] {
            [at] => Ok(at),
            _ => Err(StatementError::Named {
                file: self.file.to_owned(),
                name: name.to_owned(),
                flag: role.flag,
                count: if found.is_empty() { "no".to_owned() } else { found.len().to_string() },
                there: self.there.to_vec(),
            }),
        }
    }

    fn missing(&self, role: &Role) -> StatementError {
        StatementError::NoColumn {
            file: self.file.to_owned(),
            what: role.what,
            flag: role.flag,
            key: role.key,
            there: self.there.to_vec(),
        }
    }
}

/// How many of a header's names are of columns that are asked for: by name, or by what they are usually called.
pub(super) fn known(there: &[String], names: &ColumnNames) -> usize {
    let named =
        [&names.date, &names.reference, &names.log_id, &names.service, &names.amount, &names.currency];
    let roles = [&DATE, &REFERENCE, &LOG_ID, &SERVICE, &AMOUNT, &CURRENCY];
    let is_known = |column: &&String| {
        let usual = plain(column);
        named.iter().any(|name| name.as_deref().map(column_name).as_ref() == Some(column))
            || roles.iter().any(|role| role.usual.contains(&usual.as_str()))
    };
    there.iter().filter(is_known).count()
}

/// A name without what is written differently from file to file.
fn plain(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}
