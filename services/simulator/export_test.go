package simulator

// ParseDirectives reads directives as a request's are read.
func ParseDirectives(spec string) (Directives, error) {
	d := none()
	return d, d.apply(spec)
}
