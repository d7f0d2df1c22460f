package redisxtest

import (
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/secret"
)

// Version is a major version of Redis that Tollgate works with.
type Version struct {
	// Major is its number.
	Major int
	// Service is what scripts/services calls it.
	Service string
	// Variable names the environment variable that says where the server is: a redis:// URL.
	Variable string
}

// Versions are all, the newest first.
func Versions() []Version {
	return []Version{{8, "redis", Variable}, {7, "redis7", "TEST_REDIS7_URL"}}
}

// Each runs a test on a server of each version.
func Each(t *testing.T, test func(t *testing.T, v Version)) {
	t.Helper()
	for _, v := range Versions() {
		t.Run("redis"+strconv.Itoa(v.Major), func(t *testing.T) { test(t, v) })
	}
}

// New is [New] on a server of this version.
func (v Version) New(tb testing.TB) (client *redis.Client, prefix string) {
	tb.Helper()
	return connect(tb, v.Variable)
}

// Options is [Options] of a server of this version at an address as its variable has it.
func (v Version) Options(tb testing.TB, address string) redisx.Options {
	tb.Helper()
	o, err := redisx.ParseURL(secret.New(address))
	if err != nil {
		tb.Fatalf("%s: %v", v.Variable, err)
	}
	o.Timeout = patience
	return o
}
