//! The runtime port and its adapters: what loads a package and answers inference.
