//! Laying the layers over one another.

use super::endpoint::StatsEndpoint;
use super::keys::{Config, ConfigLayer, Derived, Key, KEYS};
use super::layer::Source;
use super::validate;
use crate::Result;

/// Which place gave each key: the highest layer that has it.
pub(super) struct Origins {
    /// In the order of [`KEYS`]; `None` for a default.
    sources: Vec<Option<Source>>,
}

impl Origins {
    fn of(layers: &[ConfigLayer]) -> Self {
        let given_by = |key: &Key| layers.iter().find(|layer| (key.is_set)(layer));
        let sources = KEYS
            .iter()
            .map(|key| given_by(key).map(|layer| layer.source.clone()));
        Self {
            sources: sources.collect(),
        }
    }

    /// How a message names the key: by the place that gave it.
    pub fn label(&self, name: &str) -> String {
        let known = KEYS
            .iter()
            .zip(&self.sources)
            .find(|(key, _)| key.name == name);
        match known {
            Some((key, Some(source))) => source.label(key),
            _ => format!("{name} (default)"),
        }
    }

    /// Whether some layer gave the key.
    pub fn is_given(&self, name: &str) -> bool {
        KEYS.iter()
            .zip(&self.sources)
            .any(|(key, source)| key.name == name && source.is_some())
    }
}

impl Config {
    /// The configuration that the three places make together, the first one winning.
    ///
    /// # Errors
    /// `InvalidArgument` for a value out of range, naming the place it came from and what is
    /// legal; `Unsupported` for an `api_version` that this build does not know.
    pub fn resolve(code: ConfigLayer, env: ConfigLayer, file: ConfigLayer) -> Result<Self> {
        let layers = [code, env, file];
        let origins = Origins::of(&layers);
        let mut merged = ConfigLayer::default();
        for layer in layers {
            merged.fill_from(layer);
        }
        let config = Self::from_merged(&merged);
        validate::check(&config, &origins)?;
        Ok(config)
    }

    fn from_merged(merged: &ConfigLayer) -> Self {
        let nothing = Derived {
            config_file: None,
            l1_capacity_bytes: 0,
            l2_capacity_bytes: 0,
            stats_endpoint: StatsEndpoint::Off,
        };
        let plain = Self::from_layer(merged, nothing);
        // A share outside 0..1 is refused later; casts from f64 saturate, so nothing wraps here.
        let l1_share = (plain.memory_pool_size as f64 * plain.l1_ratio) as u64;
        let l2_share = plain.memory_pool_size.saturating_sub(l1_share);
        let whole_pages = |bytes: u64| bytes - bytes % plain.page_bytes.max(1);
        let derived = Derived {
            config_file: merged.config_file.clone(),
            l1_capacity_bytes: merged.l1_capacity_bytes.unwrap_or(whole_pages(l1_share)),
            l2_capacity_bytes: merged.l2_capacity_bytes.unwrap_or(whole_pages(l2_share)),
            stats_endpoint: merged.stats_endpoint.clone().unwrap_or_default(),
        };
        Self {
            ..Self::from_layer(merged, derived)
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::from_merged(&ConfigLayer::default())
    }
}
