//! Users, sessions, API keys, roles, quotas and the audit log.
