//! The figures of a look, out of the JSON.

use crate::Failure;
use gpuio_core::config::StatsEndpoint;
use serde_json::Value;

/// A JSON object that has what every gpuio program sends.
#[derive(Clone, Debug)]
pub struct FiguresOf(Value);

impl FiguresOf {
    /// Reads a program's JSON.
    ///
    /// # Errors
    /// `General` for anything else.
    pub fn read(text: &str, at: &StatsEndpoint) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let message = format!("what {at} sends is not JSON: {error}");
            Failure::General(message)
        })?;
        let is_ours = ["classes", "scheduler", "l1", "l2", "service"]
            .iter()
            .all(|key| value[key].is_object());
        if !is_ours || !value["devices"].is_array() || !value["version"].is_string() {
            let message = format!("what {at} sends are not the figures of a gpuio program");
            return Err(Failure::General(message));
        }
        Ok(Self(value))
    }

    /// The program's version of gpuio.
    pub fn version(&self) -> &str {
        self.0["version"].as_str().unwrap_or_default()
    }

    /// The devices.
    pub fn devices(&self) -> impl Iterator<Item = &Value> {
        self.0["devices"].as_array().into_iter().flatten()
    }

    /// A count by the keys that lead to it; 0 where there is none.
    pub fn count(&self, keys: &[&str]) -> u64 {
        let found = keys.iter().fold(&self.0, |value, key| &value[key]);
        found.as_u64().unwrap_or(0)
    }
}
