package cachetier

// Bounds of what the cache is asked, for those who ask and for the cache itself.
const (
	// MaxQuestionBytes is how long a question may be that an answer to another one may serve.
	MaxQuestionBytes = 2 << 10
	// MaxNamespacePartBytes is how long each part of a namespace may be.
	MaxNamespacePartBytes = 1 << 10
	// MaxDimensions is how many numbers a question's vector may have.
	MaxDimensions = 512
	// Floor is the least threshold that is learned. Below it two questions that no rule holds apart need not
	// even be about the same thing.
	Floor = 0.85
	// MaxReplicaBytes is how long the name of a replica may be that learns with others.
	MaxReplicaBytes = 128
	// MadeReplica begins the names that replicas without one are given, and no other.
	MadeReplica = "~"
)
