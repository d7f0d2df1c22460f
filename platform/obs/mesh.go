package obs

import "github.com/prometheus/client_golang/prometheus"

// meshMetrics are of the services that run in other processes. Services are few, and named by
// the program: no label is unbounded.
type meshMetrics struct {
	retries   *prometheus.CounterVec
	endpoints *prometheus.GaugeVec
}

func newMeshMetrics(f *factory) meshMetrics {
	return meshMetrics{
		retries:   f.counter("mesh_retries_total", "Attempts of calls to a service in another process beyond the first.", "service"),
		endpoints: f.gauges("mesh_endpoints", "Replicas of a service in other processes: those that are known, of them the ready ones, and addresses at which another service is.", "service", "state"),
	}
}

// Retried counts an attempt of a call to another process that follows another one.
func (m *Metrics) Retried(service string) { m.mesh.retries.WithLabelValues(service).Inc() }

// Endpoints is how many replicas of a service are known, how many of them are ready, and at how
// many addresses there is another service's process.
func (m *Metrics) Endpoints(service string, ready, misdirected, known int) {
	m.mesh.endpoints.WithLabelValues(service, "ready").Set(float64(ready))
	m.mesh.endpoints.WithLabelValues(service, "misdirected").Set(float64(misdirected))
	m.mesh.endpoints.WithLabelValues(service, "known").Set(float64(known))
}
