package extractive

import (
	"strings"

	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/protect"
)

// keepCodeAndLogs adds what a text has of code, logs and tables without a fence: a part of one is worse
// than none, so they are kept whole. Where logs or a table are nearly all there is, lines may go,
// each as a whole, but for a table's header; it tells whether that is so.
func keepCodeAndLogs(g *extract.Text) bool {
	regions, _ := protect.Regions(g.Text)
	lined, all := 0, 0 // lines of logs and tables, lines that say something
	for _, r := range regions {
		if r.Look == protect.Source {
			lined = 0
			break
		}
		lined += r.Lines
	}
	if lined > 0 {
		for line := range strings.Lines(g.Text) {
			if strings.TrimSpace(line) != "" {
				all++
			}
		}
	}
	if lined == 0 || lined*5 < all*4 {
		for _, r := range regions {
			g.Keep = append(g.Keep, extract.Span{Start: r.Start, End: r.End})
		}
		return false
	}
	header := len(regions) == 1 && regions[0].Look == protect.Table
	start := 0
	for raw := range strings.Lines(g.Text) {
		line := extract.Span{Start: start, End: start + len(strings.TrimRight(raw, "\r\n"))}
		if header && start == regions[0].Start {
			g.Keep = append(g.Keep, line)
		} else if line.End > line.Start {
			g.Whole = append(g.Whole, line)
		}
		start += len(raw)
	}
	return true
}
