package answer

// End is how a model ended an answer.
type End uint8

// The ends of an answer, the more the less it is another caller's answer.
const (
	// Said is that the model had said what it wanted.
	Said End = iota
	// Calls is that it calls tools, whose results are the caller's own.
	Calls
	// Truncated is that it was cut where the caller's or the model's limit was.
	Truncated
	// Filtered is that a filter held a part of it back, or that it did not end.
	Filtered
)

// EndOf is the worst end of a whole answer's choices. Errors are [ErrForm].
func EndOf(body []byte) (End, error) {
	whole, err := parse(body)
	if err != nil {
		return Filtered, err
	}
	worst, choices := Said, 0
	err = elements(whole.get("choices"), func(element []byte) error {
		c, err := parse(element)
		if err != nil {
			return err
		}
		choices++
		switch string(c.get("finish_reason")) {
		case `"stop"`:
		case `"tool_calls"`, `"function_call"`:
			worst = max(worst, Calls)
		case `"length"`:
			worst = max(worst, Truncated)
		default: // content_filter, none, and what nobody knows
			worst = Filtered
		}
		return nil
	})
	if err == nil && choices == 0 {
		err = form("there is no answer in it")
	}
	if err != nil {
		return Filtered, err
	}
	return worst, nil
}
