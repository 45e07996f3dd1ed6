//! The CXX bridge.
