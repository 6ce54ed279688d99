//! Collecting the credential from a request's headers: all of them first, then one decision.

use crate::key::ApiKey;

/// What the credential headers of a request say together.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// No credential header carries a value.
    Missing,
    /// More than one distinct value was sent.
    Ambiguous,
    /// A value was sent that is no key by form or checksum, or only a scheme that is not ours.
    Invalid,
    /// Exactly one value, and it reads as a key.
    Key(ApiKey),
}

/// Which header a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// `x-api-key` or `SEI_API_KEY`: the value is the key.
    Plain,
    /// `Authorization`: scheme `ApiKey`, `Api Key` or `Bearer` in any case, or a bare key.
    Authorization,
}

#[derive(Default)]
struct Collector<'a> {
    value: Option<&'a [u8]>,
    ambiguous: bool,
    foreign: bool,
}

impl<'a> Collector<'a> {
    fn take(&mut self, value: &'a [u8]) {
        if value.is_empty() {
            return;
        }
        match self.value {
            None => self.value = Some(value),
            Some(known) if known == value => {}
            Some(_) => self.ambiguous = true,
        }
    }

    fn authorization(&mut self, header: &'a [u8]) {
        let mut in_foreign = false;
        for part in split(header) {
            match scheme(part) {
                Scheme::Ours(value) => {
                    in_foreign = false;
                    self.take(value);
                }
                Scheme::Foreign => {
                    in_foreign = true;
                    self.foreign = true;
                }
                // Parameters of a foreign scheme (`Digest a=1, b=2`) are not values of ours.
                Scheme::Bare(value) if !in_foreign || ApiKey::parse(value).is_ok() => self.take(value),
                Scheme::Bare(_) => {}
            }
        }
    }

    fn decide(self) -> Credentials {
        if self.ambiguous {
            return Credentials::Ambiguous;
        }
        match self.value {
            Some(value) => ApiKey::parse(value).map_or(Credentials::Invalid, Credentials::Key),
            None if self.foreign => Credentials::Invalid,
            None => Credentials::Missing,
        }
    }
}

/// Reads the credential headers in the order they came; repeats and comma-joined values count each.
pub fn collect<'a>(headers: impl IntoIterator<Item = (Header, &'a [u8])>) -> Credentials {
    let mut collector = Collector::default();
    for (header, value) in headers {
        match header {
            Header::Plain => split(value).for_each(|part| collector.take(part)),
            Header::Authorization => collector.authorization(value),
        }
    }
    collector.decide()
}

fn split(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

enum Scheme<'a> {
    Ours(&'a [u8]),
    Foreign,
    Bare(&'a [u8]),
}

fn scheme(part: &[u8]) -> Scheme<'_> {
    for name in ["apikey", "api key", "bearer"] {
        let Some((head, rest)) = part.split_at_checked(name.len()) else { continue };
        let ends = rest.first().is_none_or(u8::is_ascii_whitespace);
        if ends && head.eq_ignore_ascii_case(name.as_bytes()) {
            let value = rest.trim_ascii();
            // A scheme with nothing behind it is a credential that someone forgot to fill in.
            return if value.is_empty() { Scheme::Foreign } else { Scheme::Ours(value) };
        }
    }
    if part.iter().any(u8::is_ascii_whitespace) { Scheme::Foreign } else { Scheme::Bare(part) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base62::tests::Repeatable;
    use crate::id::KeyId;
    use proptest::prelude::*;

    fn key(seed: u64) -> String {
        let source = Repeatable::new(seed);
        ApiKey::draw(KeyId::draw(&source), &source).reveal().to_owned()
    }

    fn authorization(value: &str) -> Credentials {
        collect([(Header::Authorization, value.as_bytes())])
    }

    #[test]
    fn every_published_form_is_read() {
        let key = key(1);
        for form in ["ApiKey ", "apikey ", "APIKEY ", "Api Key ", "api key  ", "Bearer ", "bearer ", ""] {
            let found = authorization(&format!("{form}{key}"));
            assert!(matches!(found, Credentials::Key(ref k) if k.reveal() == key), "{form:?} {found:?}");
        }
        assert!(matches!(collect([(Header::Plain, key.as_bytes())]), Credentials::Key(_)));
    }

    #[test]
    fn distinct_values_are_ambiguous_and_repeats_are_not() {
        let (one, two) = (key(1), key(2));
        let twice = format!("{one}, {one}");
        let both = format!("{one},{two}");
        assert!(matches!(collect([(Header::Plain, twice.as_bytes())]), Credentials::Key(_)));
        assert!(matches!(collect([(Header::Plain, both.as_bytes())]), Credentials::Ambiguous));
        let schemes = format!("ApiKey {one}, Bearer {two}");
        assert!(matches!(authorization(&schemes), Credentials::Ambiguous));
        let garbage =
            [(Header::Plain, one.as_bytes()), (Header::Authorization, b"ApiKey nonsense".as_slice())];
        assert!(matches!(collect(garbage), Credentials::Ambiguous));
    }

    #[test]
    fn a_foreign_scheme_is_ignored_beside_a_key_and_invalid_alone() {
        let key = key(1);
        assert!(matches!(authorization("Basic dXNlcjpwYXNz"), Credentials::Invalid));
        assert!(matches!(authorization("ApiKey"), Credentials::Invalid | Credentials::Missing));
        let beside =
            [(Header::Plain, key.as_bytes()), (Header::Authorization, b"Basic dXNlcjpwYXNz".as_slice())];
        assert!(matches!(collect(beside), Credentials::Key(_)));
        let digest = format!("Digest username=\"x\", realm=\"y\", ApiKey {key}");
        assert!(matches!(authorization(&digest), Credentials::Key(_)));
    }

    #[test]
    fn nothing_is_missing() {
        assert!(matches!(collect([]), Credentials::Missing));
        assert!(matches!(collect([(Header::Plain, b" ".as_slice())]), Credentials::Missing));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), plain in any::<bool>()) {
            let header = if plain { Header::Plain } else { Header::Authorization };
            let found = collect([(header, bytes.as_slice())]);
            prop_assert!(!matches!(found, Credentials::Key(_)));
        }

        #[test]
        fn a_key_among_foreign_schemes_is_found(seed in any::<u64>(), scheme in "[A-Z][a-z]{3,8}", value in "[a-z0-9=]{1,20}") {
            prop_assume!(!["apikey", "bearer"].contains(&scheme.to_ascii_lowercase().as_str()));
            let text = format!("{scheme} {value}, Bearer {}", key(seed));
            prop_assert!(matches!(authorization(&text), Credentials::Key(_)));
        }
    }
}
