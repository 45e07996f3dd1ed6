//! What gpuio says unasked: lines on standard error, as far as `log_level` wants them.

use gpuio_core::config::LogLevel;

/// Writes lines of a level up to a limit.
#[derive(Clone, Copy, Debug)]
pub struct Log(pub LogLevel);

impl Log {
    /// Writes the line if its level is wanted. The text is made only then.
    pub fn line(self, level: LogLevel, text: impl FnOnce() -> String) {
        if self.wants(level) {
            eprintln!("gpuio {level}: {}", text());
        }
    }

    fn wants(self, level: LogLevel) -> bool {
        level != LogLevel::Off && level <= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_includes_those_before_it() {
        let log = Log(LogLevel::Warn);
        assert!(log.wants(LogLevel::Error) && log.wants(LogLevel::Warn));
        assert!(!log.wants(LogLevel::Info));
        assert!(!Log(LogLevel::Off).wants(LogLevel::Error));
        assert!(!Log(LogLevel::Trace).wants(LogLevel::Off));
    }
}
