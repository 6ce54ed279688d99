//! The closed list of error codes that answers carry.

use std::fmt;

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal $meaning:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $meaning] $variant,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    MissingCredentials "MISSING_CREDENTIALS" 401 "No credential was sent, or the sign-in did not succeed.";
    AmbiguousCredentials "AMBIGUOUS_CREDENTIALS" 401 "More than one distinct credential was sent.";
    InvalidApiKey "INVALID_API_KEY" 401 "The key is not one, is unknown, was deleted, or its secret is wrong.";
    ApiKeyExpired "API_KEY_EXPIRED" 401 "The key's time has run out.";
    ApiKeyDisabled "API_KEY_DISABLED" 401 "The key is switched off.";
    InvalidSignature "INVALID_SIGNATURE" 401 "The webhook's signature is wrong.";
    AddressNotAllowed "ADDRESS_NOT_ALLOWED" 403 "The key may not be used from this network.";
    PermissionDenied "PERMISSION_DENIED" 403 "The caller lacks the permission that the message names.";
    WrongProject "WRONG_PROJECT" 403 "The request names another project than the key's.";
    KeyInUrl "KEY_IN_URL" 400 "A key stands in the address, where logs keep it.";
    InvalidRequest "INVALID_REQUEST" 400 "The request does not fit; the message names the field.";
    NotFound "NOT_FOUND" 404 "There is no such thing here.";
    MethodNotAllowed "METHOD_NOT_ALLOWED" 405 "The path exists, not with this method.";
    Conflict "CONFLICT" 409 "The object's state does not allow this.";
    NameTaken "NAME_TAKEN" 409 "Another one has this name.";
    WouldWiden "WOULD_WIDEN" 409 "A key's power can be narrowed, never widened.";
    IdConflict "ID_CONFLICT" 409 "The same event id came with another payload.";
    IdempotencyMismatch "IDEMPOTENCY_MISMATCH" 409 "The Idempotency-Key was used with another body.";
    SetupRequired "SETUP_REQUIRED" 412 "Developers were never uploaded and mapped.";
    PayloadTooLarge "PAYLOAD_TOO_LARGE" 413 "The body is larger than this call takes.";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" 415 "The body's Content-Type is not one that this call takes.";
    RateLimited "RATE_LIMITED" 429 "Too many requests; Retry-After says when to come back.";
    Internal "INTERNAL" 500 "Something broke here; the log has it under the request id.";
    Unavailable "UNAVAILABLE" 503 "The server cannot tell at this moment.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_list_is_the_list_in_code() {
        let lines: Vec<String> = Code::ALL
            .iter()
            .map(|code| format!("{} {} {}", code.status(), code.name(), code.meaning()))
            .collect();
        let list = lines.join("\n");
        insta::assert_snapshot!("codes", list);
    }
}
