package mesh

import "encoding/json"

// Dependency is how something is that a service depends on, as a replica of it says beside its
// readiness.
type Dependency struct {
	Name    string
	Healthy bool
	// Error is why it is away.
	Error string
}

// dependencies are those in an answer about readiness; nil where there are none. What the replica
// itself has only heard of is left out: two that tell each other would never forget it.
func dependencies(body []byte) *[]Dependency {
	var report struct {
		Results []struct {
			Dependency

			Through string
		}
	}
	if len(body) == 0 || json.Unmarshal(body, &report) != nil {
		return nil
	}
	var out []Dependency
	for _, r := range report.Results {
		if r.Through == "" && r.Name != "" {
			out = append(out, r.Dependency)
		}
	}
	return &out
}

// Behind are the dependencies of the service, each once: away as soon as one replica says so. Of
// replicas that do not answer, nothing is known.
func (p *Peer) Behind() []Dependency {
	var out []Dependency
	at := map[string]int{}
	for _, e := range *p.endpoints.Load() {
		behind := e.behind.Load()
		if behind == nil || e.readiness() > unready {
			continue
		}
		for _, d := range *behind {
			i, seen := at[d.Name]
			switch {
			case !seen:
				at[d.Name] = len(out)
				out = append(out, d)
			case out[i].Healthy:
				out[i] = d
			}
		}
	}
	return out
}
