// Package quotacmd is `tollgate quota`: it shows what tenants spend as it happens, and
// holds topic, ledger and balances against each other.
package quotacmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
)

// Errors that end the command with exit codes of their own.
var (
	// ErrDiffers says that something does not agree: exit code 1.
	ErrDiffers = errors.New("topic, ledger and balances differ")
	// ErrUsage says that the command was called wrongly: exit code 2.
	ErrUsage = errors.New("see tollgate quota --help")
)

const usage = `Usage:
  tollgate quota tail [flags]        print events as they come
  tollgate quota reconcile [flags]   compare topic, ledger and balances

tail reads the Kafka topic where brokers are known, and else follows the gateway's ledger.
reconcile compares, of every tenant, the ledger with its sequence and the topic by event id
and amount, and of every budget's window what is spent with what the ledger explains. It
prints what differs. Without brokers it leaves the topic out.

Where things are:
  --url URL         the gateway (default $TOLLGATE_URL, else http://127.0.0.1:4000)
  --brokers LIST    Kafka, host:port with commas between (default $KAFKA_BROKERS, else
                    kafka.brokers of the configuration)
  --topic NAME      the topic (default kafka.topic of the configuration, else quota.updated)
  --config FILE     the gateway's configuration (default $TOLLGATE_CONFIG)
  --no-kafka        do not use Kafka, whatever is configured

The gateway's master key is taken from $TOLLGATE_MASTER_KEY, the configuration, or the data
folder. With Kafka, tail needs no gateway.

Flags of both:
  --tenant ID       this tenant alone

Flags of tail:
  --from-start      begin with what there is, not with what comes
  --json            print the events themselves, one a line

Flags of reconcile:
  --timeout TIME    how long it may take (default 10m)

Exit codes of reconcile: 0 all agrees, 1 something differs, 2 it could not be found out.
`

// Env is what the command is run in.
type Env struct {
	// Lookup finds environment variables.
	Lookup config.LookupEnv
	// Stdout takes the result, Stderr what else a person should know.
	Stdout, Stderr io.Writer
}

// Run runs `tollgate quota` with the arguments after it. It ends with ctx. Errors wrap
// ErrDiffers or ErrUsage where they are that, and flag.ErrHelp when help was asked for.
func Run(ctx context.Context, env Env, args []string) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		_, err := io.WriteString(env.Stderr, usage)
		if len(args) == 0 {
			return errors.Join(fmt.Errorf("say what: tail or reconcile; %w", ErrUsage), err)
		}
		return errors.Join(flag.ErrHelp, err)
	}
	c := &command{env: env}
	var run func(context.Context) error
	switch args[0] {
	case "tail":
		run = c.tail
	case "reconcile":
		run = c.reconcile
	default:
		return fmt.Errorf("unknown command quota %q: tail or reconcile; %w", args[0], ErrUsage)
	}
	if err := c.parse(args[0], args[1:]); err != nil {
		return err
	}
	return run(ctx)
}

// command is one call of it.
type command struct {
	env     Env
	tenant  string
	url     string
	brokers string
	topic   string
	config  string
	noKafka bool
	// of tail
	fromStart, asJSON bool
	// of reconcile
	timeout time.Duration

	master  secret.String
	dataDir string
}

func (c *command) parse(name string, args []string) error {
	flags := flag.NewFlagSet("quota "+name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // what is wrong is in the error
	flags.StringVar(&c.tenant, "tenant", "", "")
	flags.StringVar(&c.url, "url", "", "")
	flags.StringVar(&c.brokers, "brokers", "", "")
	flags.StringVar(&c.topic, "topic", "", "")
	flags.StringVar(&c.config, "config", "", "")
	flags.BoolVar(&c.noKafka, "no-kafka", false, "")
	if name == "tail" {
		flags.BoolVar(&c.fromStart, "from-start", false, "")
		flags.BoolVar(&c.asJSON, "json", false, "")
	} else {
		flags.DurationVar(&c.timeout, "timeout", 10*time.Minute, "")
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, werr := io.WriteString(c.env.Stderr, usage)
		return errors.Join(err, werr)
	case err != nil:
		return fmt.Errorf("quota %s: %w; %w", name, err, ErrUsage)
	case flags.NArg() > 0:
		return fmt.Errorf("quota %s: unexpected argument %q; %w", name, flags.Arg(0), ErrUsage)
	case c.noKafka && c.brokers != "":
		return fmt.Errorf("quota %s: --no-kafka and --brokers exclude each other; %w", name, ErrUsage)
	case name == "reconcile" && c.timeout <= 0:
		return fmt.Errorf("quota %s: --timeout must be above 0; %w", name, ErrUsage)
	}
	return c.complete()
}

// complete takes what no flag gave from the configuration and the environment.
func (c *command) complete() error {
	source, err := config.Open(c.config, c.env.Lookup)
	if err != nil {
		return err
	}
	cfg, _, err := config.Load(source)
	if err != nil {
		return err
	}
	c.master, c.dataDir = cfg.General.MasterKey, cfg.General.DataDir
	if c.brokers == "" && !c.noKafka {
		c.brokers = strings.Join(cfg.Kafka.Brokers, ",")
	}
	if c.topic == "" {
		c.topic = cfg.Kafka.Topic
	}
	if c.url == "" {
		c.url = "http://127.0.0.1:4000"
		if v, ok := c.env.Lookup("TOLLGATE_URL"); ok && v != "" {
			c.url = v
		}
	}
	if u, err := url.Parse(c.url); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--url must be an http or https URL; %w", ErrUsage)
	}
	c.url = strings.TrimRight(c.url, "/")
	return nil
}

// kafka opens the cluster and makes sure that it answers and has the topic; nil without brokers.
func (c *command) kafka(ctx context.Context) (*kafkax.Client, error) {
	if c.brokers == "" {
		return nil, nil
	}
	var brokers []string
	for b := range strings.SplitSeq(c.brokers, ",") {
		brokers = append(brokers, strings.TrimSpace(b))
	}
	client, err := kafkax.Open(kafkax.Options{Brokers: brokers})
	if err != nil {
		return nil, fmt.Errorf("--brokers: %w; %w", err, ErrUsage)
	}
	if err := client.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("no broker of %s answers (--no-kafka goes without): %w", c.brokers, err), client.Close())
	}
	if _, err := client.Partitions(ctx, c.topic); err != nil {
		if errors.Is(err, kafkax.ErrNoTopic) {
			err = fmt.Errorf("the topic %q does not exist at %s: no event was published yet, or it has another name (--topic)", c.topic, c.brokers)
		}
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

// gateway is a running gateway.
type gateway struct {
	budget   budgetv1connect.BudgetServiceClient
	keystore keystorev1connect.KeystoreServiceClient
	idle     func()
}

// connect makes clients of the gateway; nothing is sent yet.
func (c *command) connect() (*gateway, error) {
	key := c.master
	if key.IsZero() {
		data, err := os.ReadFile(filepath.Join(c.dataDir, "master.key"))
		if err != nil {
			return nil, fmt.Errorf("the gateway's master key is not known: set TOLLGATE_MASTER_KEY, or TOLLGATE_DATA_DIR to the gateway's data folder: %w", err)
		}
		key = secret.New(strings.TrimSpace(string(data)))
	}
	transport := &http.Transport{ResponseHeaderTimeout: c.timeout, TLSHandshakeTimeout: 10 * time.Second}
	client := rpc.Remote(&http.Client{Transport: bearer{key, transport}}, c.url)
	return &gateway{
		budget: budgetv1connect.NewBudgetServiceClient(client), keystore: keystorev1connect.NewKeystoreServiceClient(client),
		idle: transport.CloseIdleConnections,
	}, nil
}

// bearer presents a key with each call.
type bearer struct {
	key  secret.String
	next http.RoundTripper
}

// RoundTrip is http.RoundTripper's.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.key.Reveal())
	return b.next.RoundTrip(r)
}

// explain says what an error of the gateway means for whoever called the command.
func (c *command) explain(err error) error {
	var unreachable *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unreachable):
		return fmt.Errorf("the gateway at %s does not answer (--url): %w", c.url, unreachable)
	case errs.Is(err, errs.InvalidAPIKey), errs.Is(err, errs.RouteNotAllowed):
		return fmt.Errorf("the gateway at %s refuses the key: it must be its master key, or one with the admin scope: %w", c.url, err)
	case errs.Is(err, errs.Internal):
		return fmt.Errorf("the gateway at %s failed, or is none (--url): %w", c.url, errors.Join(err, errors.Unwrap(err)))
	default:
		return fmt.Errorf("the gateway at %s: %w", c.url, err)
	}
}

// knowTenant makes sure that the tenant exists, or has existed: a slip of the hand would
// look like a tenant that spends nothing.
func (c *command) knowTenant(ctx context.Context, g *gateway, has func() (bool, error)) error {
	if c.tenant == "" {
		return nil
	}
	_, err := g.keystore.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: c.tenant})
	if !errs.Is(err, errs.NotFound) {
		return c.explain(err)
	}
	recorded, err := has()
	if err != nil {
		return c.explain(err)
	}
	if !recorded {
		return fmt.Errorf("there is no tenant %q: no team has that id, and the ledger has no record of it", c.tenant)
	}
	return nil
}
