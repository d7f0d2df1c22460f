package router

import routerv1 "tollgate.dev/gen/tollgate/router/v1"

// Models lists the names that callers can use, in alphabetical order, and what
// serves each.
func (s *Service) Models() []*routerv1.Model {
	now := s.clock.Now()
	models := make([]*routerv1.Model, 0, len(s.names))
	for _, name := range s.names {
		m := &routerv1.Model{Name: name, Created: s.opts.Created.Unix()}
		for _, d := range s.groups[name].deployments {
			state := &routerv1.Deployment{
				Id: d.ID, Provider: d.Provider, UpstreamModel: d.UpstreamModel,
				ApiBase: d.baseText, Simulated: d.Simulated,
			}
			if d.resting(now) {
				state.CooldownUntilMillis = d.restUntil.Load() / 1e6
			}
			m.Deployments = append(m.Deployments, state)
		}
		models = append(models, m)
	}
	return models
}
