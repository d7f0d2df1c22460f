package trace

import (
	"fmt"
	"math"
	"time"
)

// order is a row of a query.
type order struct {
	OrderID     int     `json:"order_id"`
	PlacedAt    string  `json:"placed_at"`
	Customer    string  `json:"customer"`
	Country     string  `json:"country"`
	Channel     string  `json:"channel"`
	Category    string  `json:"category"`
	Units       int     `json:"units"`
	GrossAmount float64 `json:"gross_amount"`
	Discount    float64 `json:"discount"`
	Currency    string  `json:"currency"`
	Status      string  `json:"status"`
	Refunded    *string `json:"refunded_at"`
}

// data is an analyst with a database and a metrics store, whose tools answer JSON, and who
// asks the same more than once.
func data() *Trace {
	w := begin("data", 23, `You are a data analyst at a mail-order company. Answer questions by querying the warehouse and the metrics store through the tools. State every number together with its period and its filter. Prefer one good query to many small ones, never guess a column's meaning (ask describe_table), and say when a result is too small to conclude anything. Amounts are in the currency of the row; convert them only when asked to. Refunded orders count as revenue until the day of the refund.`,
		"describe_table: Columns of a table with types and comments. | table=name of the table",
		"query: Run a read-only SQL query, and return at most 60 rows as JSON. | sql=the statement",
		"metrics: A time series of a metric. | name=name of the metric, from=start, until=end, step=distance of points")
	w.user("Revenue in the second week of November looks too low in the dashboard, mostly for Austria and the web shop. What happened?")
	w.call("describe_table", map[string]any{"table": "sales.orders"}, w.table())
	week := w.orders(45, "2026-11-09")
	byDay := "SELECT * FROM sales.orders WHERE placed_at >= '2026-11-09' AND placed_at < '2026-11-16' AND country = 'AT' ORDER BY placed_at LIMIT 60"
	w.call("query", map[string]any{"sql": byDay}, week)
	w.call("metrics", map[string]any{"name": "shop_checkout_total", "from": "2026-11-09", "until": "2026-11-11", "step": "1h"}, w.series("shop_checkout_total", 48))
	w.call("query", map[string]any{"sql": "SELECT country, channel, count(*), sum(gross_amount) FROM sales.orders WHERE placed_at >= '2026-11-09' GROUP BY 1, 2"}, w.groups(5))
	w.say("Orders from the web shop in Austria fell to about a third from the 10th at 06:00 UTC on, while the other channels are as usual; checkouts fell at the same hour. That looks like a fault at the checkout and not like less demand.")
	w.user("Compare it with the week before, and with the same week of last year.")
	w.call("query", map[string]any{"sql": "SELECT * FROM sales.orders WHERE placed_at >= '2026-11-02' AND placed_at < '2026-11-09' AND country = 'AT' ORDER BY placed_at LIMIT 60"}, w.orders(40, "2026-11-02"))
	w.call("query", map[string]any{"sql": "SELECT * FROM sales.orders WHERE placed_at >= '2025-11-10' AND placed_at < '2025-11-17' AND country = 'AT' ORDER BY placed_at LIMIT 60"}, w.orders(38, "2025-11-10"))
	w.call("metrics", map[string]any{"name": "payment_declined_total", "from": "2026-11-09", "until": "2026-11-11", "step": "1h"}, w.series("payment_declined_total", 48))
	w.call("query", map[string]any{"sql": byDay}, week)
	w.say("The week before had 2.7 times as many Austrian web orders, and last year's week 2.4 times as many. Declined payments rose from the same hour on, all with the method eps.")
	w.user("Is it over? And how much did we lose?")
	w.call("metrics", map[string]any{"name": "shop_checkout_total", "from": "2026-11-14", "until": "2026-11-16", "step": "1h"}, w.series("shop_checkout_total", 48))
	w.call("query", map[string]any{"sql": "SELECT country, channel, count(*), sum(gross_amount) FROM sales.orders WHERE placed_at >= '2026-11-14' GROUP BY 1, 2"}, w.groups(5))
	w.call("query", map[string]any{"sql": byDay}, week)
	w.call("describe_table", map[string]any{"table": "sales.orders"}, w.table())
	w.say("It ended on the 15th at 14:00 UTC. Against the mean of the two weeks to compare with, about 212 orders and EUR 18,400 are missing; the margin of error is some 15 percent.")
	return w.trace
}

func (w *writer) table() string {
	type column struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Nullable bool   `json:"nullable"`
		Comment  string `json:"comment"`
	}
	return pretty(map[string]any{"schema": "sales", "table": "orders", "approximate_rows": 18402211, "columns": []column{
		{"order_id", "bigint", false, "Key; rising, but with gaps"},
		{"placed_at", "timestamptz", false, "When the customer pressed the button, in UTC"},
		{"customer", "text", false, "Pseudonym of the customer, stable for two years"},
		{"country", "char(2)", false, "ISO 3166 code of the delivery address"},
		{"channel", "text", false, "web, app, phone or market; market is everything sold through others"},
		{"category", "text", true, "Of the dearest item"},
		{"units", "integer", false, "Items, without gifts"},
		{"gross_amount", "numeric(12,2)", false, "With tax and before the discount, in the row's currency"},
		{"discount", "numeric(12,2)", false, "Taken off the gross amount"},
		{"currency", "char(3)", false, "ISO 4217"},
		{"status", "text", false, "placed, paid, shipped, cancelled or refunded"},
		{"refunded_at", "timestamptz", true, "When it was refunded in full"},
	}})
}

func (w *writer) orders(n int, from string) string {
	at, err := time.Parse("2006-01-02", from)
	if err != nil {
		panic(err) // it is written above
	}
	rows := make([]order, n)
	id := w.between(18_000_000, 18_400_000)
	for i := range rows {
		id += w.between(3, 900)
		at = at.Add(time.Duration(w.between(300, 14_000)) * time.Second)
		rows[i] = order{
			OrderID: id, PlacedAt: at.Format(time.RFC3339), Customer: "c_" + w.hex(12), Country: "AT", Channel: w.one("web", "web", "app", "phone", "market"),
			Category: w.one("garden", "kitchen", "lamps", "textiles", "toys", "tools"), Units: w.between(1, 6), GrossAmount: float64(w.between(900, 42_000)) / 100,
			Discount: float64(w.IntN(5)*w.IntN(400)) / 100, Currency: "EUR", Status: w.one("paid", "shipped", "shipped", "refunded", "cancelled"),
		}
		if rows[i].Status == "refunded" {
			back := at.Add(time.Duration(w.between(2, 9)) * 24 * time.Hour).Format(time.RFC3339)
			rows[i].Refunded = &back
		}
	}
	return pretty(map[string]any{"row_count": n, "elapsed_ms": w.between(40, 900), "rows": rows})
}

func (w *writer) groups(countries int) string {
	type group struct {
		Country string  `json:"country"`
		Channel string  `json:"channel"`
		Count   int     `json:"count"`
		Sum     float64 `json:"sum"`
	}
	var rows []group
	for _, c := range []string{"AT", "DE", "CH", "IT", "FR", "NL", "CZ"}[:countries] {
		for _, channel := range []string{"web", "app", "phone", "market"} {
			n := w.between(30, 4000)
			rows = append(rows, group{c, channel, n, math.Round(float64(n)*(60+80*w.Float64())*100) / 100})
		}
	}
	return pretty(map[string]any{"row_count": len(rows), "elapsed_ms": w.between(40, 900), "rows": rows})
}

func (w *writer) series(name string, n int) string {
	type point struct {
		Timestamp string  `json:"timestamp"`
		Value     float64 `json:"value"`
	}
	start := time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)
	points := make([]point, n)
	for i := range points {
		points[i] = point{start.Add(time.Duration(i) * time.Hour).Format(time.RFC3339), math.Round(1000*(40+30*math.Sin(float64(i)/3.8)+9*w.Float64())) / 1000}
	}
	return pretty(map[string]any{
		"metric": name, "labels": map[string]any{"country": "AT", "channel": "web", "environment": "production"}, "unit": "1/h", "step": "1h",
		"points": points, "query": fmt.Sprintf(`sum(rate(%s{country="AT",channel="web"}[1h])) * 3600`, name),
	})
}
