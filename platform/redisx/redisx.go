// Package redisx makes Redis clients whose every wait is bounded. It is the only
// platform package that imports the driver.
package redisx

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"tollgate.dev/platform/secret"
)

// Options say where the server is and how long to wait for it. Zero fields take the
// default named beside them.
type Options struct {
	// Host is a name or an address, without a port. It is required.
	Host string
	// Port is 6379.
	Port int
	// Username and Password are sent when Password is not empty.
	Username string
	Password secret.String
	// DB is the number of the database.
	DB int
	// TLS turns encryption on, with the system's roots and the host's name.
	TLS bool
	// PoolSize is how many connections are open at most; 20.
	PoolSize int
	// DialTimeout bounds connecting; 2 s.
	DialTimeout time.Duration
	// Timeout bounds each of writing a command, reading its answer and waiting for a free
	// connection; 500 ms. A context's earlier end wins.
	Timeout time.Duration
}

// ParseURL reads redis://[user:password@]host[:port][/db], or rediss:// for TLS; the
// database may also be the parameter db. Other parameters are errors. No error quotes the URL.
func ParseURL(text secret.String) (Options, error) {
	u, err := url.Parse(text.Reveal())
	if err != nil {
		return Options{}, errors.New("redisx: the Redis URL can't be parsed; it is like redis://user:password@host:6379/0")
	}
	o := Options{Host: u.Hostname(), TLS: u.Scheme == "rediss", Username: u.User.Username()}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return Options{}, errors.New("redisx: the Redis URL begins with neither redis:// nor rediss://")
	}
	if o.Host == "" {
		return Options{}, errors.New("redisx: the Redis URL names no host")
	}
	if p, ok := u.User.Password(); ok {
		o.Password = secret.New(p)
	}
	if p := u.Port(); p != "" {
		if o.Port, err = strconv.Atoi(p); err != nil || o.Port < 1 || o.Port > 65535 {
			return Options{}, errors.New("redisx: the Redis URL's port is not between 1 and 65535")
		}
	}
	db := strings.Trim(u.Path, "/")
	for name, values := range u.Query() {
		if name != "db" || len(values) != 1 || db != "" {
			return Options{}, errors.New("redisx: the Redis URL has a parameter other than one db")
		}
		db = values[0]
	}
	if db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil || o.DB < 0 {
			return Options{}, errors.New("redisx: the Redis URL's database is not a number")
		}
	}
	return o, nil
}

// Open makes a client. It connects when it is first used, so that Redis may be absent
// at the start; [Ping] tells. Its errors quote neither arguments nor answers. Close it when done.
func Open(o Options) (*redis.Client, error) {
	if o.Host == "" {
		return nil, errors.New("redisx: no host")
	}
	o.Port = cmp.Or(o.Port, 6379)
	o.PoolSize = cmp.Or(o.PoolSize, 20)
	o.DialTimeout = cmp.Or(o.DialTimeout, 2*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 500*time.Millisecond)
	opts := &redis.Options{
		Addr:                  net.JoinHostPort(o.Host, strconv.Itoa(o.Port)),
		ClientName:            "tollgate",
		Username:              o.Username,
		Password:              o.Password.Reveal(),
		DB:                    o.DB,
		DialTimeout:           o.DialTimeout,
		ReadTimeout:           o.Timeout,
		WriteTimeout:          o.Timeout,
		PoolTimeout:           o.Timeout,
		ContextTimeoutEnabled: true,
		// The driver would also repeat a command whose answer was lost, and count twice what
		// it counted. Who may repeat knows; the pool drops closed connections by itself.
		MaxRetries:      -1,
		DialerRetries:   1,
		PoolSize:        o.PoolSize,
		MaxActiveConns:  o.PoolSize,
		MinIdleConns:    1,
		ConnMaxIdleTime: 5 * time.Minute,
		// Neither is for a plain server: each costs a command per connection.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if o.TLS {
		opts.TLSConfig = &tls.Config{ServerName: o.Host, MinVersion: tls.VersionTLS12}
	}
	return Guarded(redis.NewClient(opts)), nil
}

// Ping reports whether the server answers.
func Ping(ctx context.Context, c *redis.Client) error {
	if err := c.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}
