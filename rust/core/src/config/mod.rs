//! Configuration: one table of keys, read from code, environment and a TOML file.
//!
//! Highest first: what the program sets in code, `GPUIO_*` variables, the file, the default.
//! Each place gives a [`ConfigLayer`]; [`Config::resolve`] lays them over one another and checks
//! the result. Everything here is pure: the caller reads the environment and the file.
//!
//! ```
//! use gpuio_core::config::{Config, ConfigLayer};
//! let file = ConfigLayer::from_toml("page_bytes = '16KiB'", "gpuio.toml")?;
//! let variables = [("GPUIO_IO_TIMEOUT_US".to_string(), "5s".to_string())];
//! let environment = ConfigLayer::from_env(variables)?;
//! let code = ConfigLayer { l1_capacity_bytes: Some(1 << 20), ..ConfigLayer::default() };
//! let config = Config::resolve(code, environment, file)?;
//! assert_eq!((config.page_bytes, config.io_timeout_us), (16 << 10, 5_000_000));
//! # Ok::<(), gpuio_core::Error>(())
//! ```

mod endpoint;
mod keys;
mod layer;
mod reference;
mod resolve;
mod types;
mod validate;
mod value;

pub use endpoint::{StatsEndpoint, MAX_SOCKET_PATH_BYTES};
pub use keys::{Config, ConfigLayer};
pub use layer::Source;
pub use reference::reference_markdown;
pub use types::{DeviceChoice, LogLevel, PolicyKind};

/// The version of the configuration that this build understands.
pub const API_VERSION: u32 = 1;

/// The `flags` bit by which accesses that hit are counted, too.
pub const FLAG_COUNT_HITS: u32 = 1;

/// Longest configuration file in bytes.
pub const MAX_CONFIG_FILE_BYTES: usize = 1 << 20;
