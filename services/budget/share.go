package budget

import eventv1 "tollgate.dev/gen/tollgate/event/v1"

// shareRecord sets the fields of a new record to those of another, which it shares its
// lists and messages with. A field that is added to the message is added here: a test
// compares.
func shareRecord(to, from *eventv1.UsageRecord) {
	to.EventId, to.OccurredMillis, to.TenantId, to.PlatformId = from.EventId, from.OccurredMillis, from.TenantId, from.PlatformId
	to.KeyId, to.UserId, to.RequestId, to.CorrelationId = from.KeyId, from.UserId, from.RequestId, from.CorrelationId
	to.Provider, to.Model, to.UpstreamModel, to.DeploymentId = from.Provider, from.Model, from.UpstreamModel, from.DeploymentId
	to.Usage, to.CostNanos, to.SavedCacheNanos, to.SavedCompressionNanos = from.Usage, from.CostNanos, from.SavedCacheNanos, from.SavedCompressionNanos
	to.LatencyMillis, to.Cache, to.Error, to.Sequence = from.LatencyMillis, from.Cache, from.Error, from.Sequence
	to.CallType, to.StartedMillis, to.FirstByteMillis, to.Draws = from.CallType, from.StartedMillis, from.FirstByteMillis, from.Draws
	to.Unpriced, to.Simulated, to.Tags, to.Window, to.Notice = from.Unpriced, from.Simulated, from.Tags, from.Window, from.Notice
	to.Compression, to.CacheHit = from.Compression, from.CacheHit
}
