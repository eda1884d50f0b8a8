"""The Pulumi shell around the core: each module wires resources and works nothing out itself."""
