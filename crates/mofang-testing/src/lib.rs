//! The test application and builders shared by integration tests.
