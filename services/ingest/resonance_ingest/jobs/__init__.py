"""Jobs: values, documents in the store, leases."""
