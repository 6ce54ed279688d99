//! Query strings: repeated or comma-joined lists, numbers, pages.

use sextant_service::Failure;

/// The most entries that a page can have.
const LARGEST_PAGE: i64 = 1000;

/// The parameters of a request, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn read(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter's only value; repeats must agree. An empty one is as good as none.
    pub(crate) fn one(&self, name: &str) -> Result<Option<String>, Failure> {
        let mut values = self.all(name);
        let Some(first) = values.next() else { return Ok(None) };
        if values.any(|other| other != first) {
            return Err(Failure::invalid(name, "is given more than once with different values"));
        }
        Ok(Some(first.to_owned()).filter(|value| !value.is_empty()))
    }

    /// A list, as repeats, comma-joined, or both.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.all(name)
            .flat_map(|value| value.split(','))
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| Failure::invalid(name, "must be a whole number"))
    }

    /// Which page is asked for.
    pub(crate) fn page(&self) -> Result<Page, Failure> {
        let index = self.number("pageIndex")?.unwrap_or(0);
        let size = self.number("pageSize")?.unwrap_or(50);
        if !(0..=1_000_000_000).contains(&index) {
            return Err(Failure::invalid("pageIndex", "must be 0 or more"));
        }
        if !(1..=LARGEST_PAGE).contains(&size) {
            return Err(Failure::invalid("pageSize", format!("must be between 1 and {LARGEST_PAGE}")));
        }
        Ok(Page { index, size })
    }
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) index: i64,
    pub(crate) size: i64,
}

impl Page {
    /// How many entries come before it, and how many it has.
    pub(crate) const fn window(self) -> (i64, i64) {
        (self.index * self.size, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_repeated_or_joined() {
        let params = Params::read(Some("emails=a%40x,b@x&emails=c@x&pageSize=10"));
        assert_eq!(params.list("emails"), ["a@x", "b@x", "c@x"]);
        assert_eq!(params.page().unwrap().window(), (0, 10));
    }

    #[test]
    fn disagreeing_repeats_and_impossible_pages_are_refused() {
        assert!(Params::read(Some("a=1&a=2")).one("a").is_err());
        assert!(Params::read(Some("a=1&a=1")).one("a").is_ok());
        for query in ["pageSize=0", "pageSize=1001", "pageSize=x", "pageIndex=-1"] {
            assert!(Params::read(Some(query)).page().is_err(), "{query}");
        }
    }
}
