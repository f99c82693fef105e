//! What a manifest says of a state's time to live.

use super::{Ttl, TtlClock, TtlUpdate, TtlVisibility};
use serde::{Deserialize, Serialize};

/// The time to live of a state, as it stands in manifests. A state that has one has values that begin with a
/// [`super::Stamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TtlDescription {
    /// How long an entry lives after its last update, in milliseconds; [`super::NEVER`] if it has no end.
    pub length_ms: i64,
    /// Which time it is.
    #[serde(default)]
    pub clock: TtlClock,
    /// What counts as an update.
    #[serde(default)]
    pub update: TtlUpdate,
    /// What a read gives of an expired entry.
    #[serde(default)]
    pub visibility: TtlVisibility,
}

impl From<Ttl> for TtlDescription {
    fn from(ttl: Ttl) -> Self {
        TtlDescription { length_ms: ttl.millis(), clock: ttl.clock, update: ttl.update, visibility: ttl.visibility }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_description_comes_back_and_a_short_one_means_the_defaults() {
        let ttl = Ttl::after(Duration::from_secs(1)).renewed_by_reads().returning_expired().in_event_time();
        let text = serde_json::to_string(&TtlDescription::from(ttl)).unwrap();
        let expected = r#"{"length_ms":1000,"clock":"event","update":"on-read-and-write","visibility":"return-expired-if-not-cleaned-up"}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<TtlDescription>(&text).unwrap(), ttl.into());
        let short: TtlDescription = serde_json::from_str(r#"{"length_ms":1000}"#).unwrap();
        assert_eq!(short, Ttl::after(Duration::from_secs(1)).into());
    }
}
