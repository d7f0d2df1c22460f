package harness

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// shapeVariable names the environment variable that chooses the shape of every gateway
// that tests start: "whole" is one process on embedded stores, "apart" is each service in
// processes of its own, on PostgreSQL and Redis.
const shapeVariable = "TOLLGATE_E2E_SHAPE"

// Apart reports whether services run in processes of their own.
func Apart() bool { return os.Getenv(shapeVariable) == "apart" }

// chooseTests leaves out of the shape apart what is about one whole process: the tests, or
// subtests, of this list, each with the reason.
func chooseTests(wholeOnly map[string]string) error {
	switch shape := os.Getenv(shapeVariable); shape {
	case "", "whole":
		return nil
	case "apart":
	default:
		return fmt.Errorf("%s is %q: it may be whole or apart", shapeVariable, shape)
	}
	var patterns []string
	for _, name := range slices.Sorted(maps.Keys(wholeOnly)) {
		patterns = append(patterns, "^"+strings.ReplaceAll(name, "/", "$/^")+"$")
	}
	if given := flag.Lookup("test.skip").Value.String(); given != "" {
		patterns = append(patterns, given)
	}
	return flag.Set("test.skip", strings.Join(patterns, "|"))
}
