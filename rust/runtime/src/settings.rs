//! Where the configuration comes from: the program, the environment, a file.

use gpuio_core::config::{Config, ConfigLayer, MAX_CONFIG_FILE_BYTES};
use gpuio_core::{Error, Result};
use std::io::Read;

/// The configuration in force: `code` over `GPUIO_*` variables over the file that one of the two
/// names as `config_file`, over the defaults.
pub fn load(code: ConfigLayer) -> Result<Config> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let environment = ConfigLayer::from_env(variables)?;
    let file_name = code
        .config_file
        .clone()
        .or_else(|| environment.config_file.clone());
    let file = match &file_name {
        Some(name) => ConfigLayer::from_toml(&read_file(name)?, name)?,
        None => ConfigLayer::default(),
    };
    Config::resolve(code, environment, file)
}

fn read_file(name: &str) -> Result<String> {
    let failed = |error: std::io::Error| {
        let message = "the file named by config_file must be readable UTF-8 text";
        Error::from_errno(
            error.raw_os_error().unwrap_or(0),
            "read the configuration",
            message,
        )
        .with_resource(name)
    };
    let mut text = String::new();
    std::fs::File::open(name)
        .map_err(failed)?
        .take(MAX_CONFIG_FILE_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}
