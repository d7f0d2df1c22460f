module tollgate.dev/e2e

go 1.26.0

require (
	tollgate.dev/gen v0.0.0
	tollgate.dev/platform v0.0.0
	tollgate.dev/services v0.0.0
)

replace tollgate.dev/gen => ../gen

replace tollgate.dev/platform => ../platform

replace tollgate.dev/services => ../services
