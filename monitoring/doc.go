// Package monitoring holds what shows Symphony Messenger in other systems: a Grafana dashboard, alert rules and an
// example configuration for Prometheus. Its tests run the built program and hold these files, and the traces that it
// sends, against what it really does, with the code of Prometheus and of the OpenTelemetry Collector. That is why it is
// a module of its own.
package monitoring
