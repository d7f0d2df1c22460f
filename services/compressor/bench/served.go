package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/labelled"
)

// message is one of a request's, in OpenAI's dialect.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func encode(messages ...message) ([]byte, error) {
	return json.Marshal(struct {
		Model    string    `json:"model"`
		Messages []message `json:"messages"`
	}{"gpt-4o", messages})
}

// form is how a prompt gives documents, which are all of one message or before the question in it.
type form struct {
	name     string
	messages func(question, documents string) []message
}

// asks stands before the question where documents are before it.
const asks = "\n\nQuestion: "

var forms = []form{
	{"user", func(question, documents string) []message { return []message{{"user", documents + asks + question}} }},
	{"tool", func(question, documents string) []message { return []message{{"user", question}, {"tool", documents}} }},
}

// serving is what the whole service made of a set's prompts.
type serving struct {
	prompts, whole       int // all, and those that went out as they came
	kept                 int // of the others, those whose answer still stands in the documents
	original, compressed int64
}

// wholeShare is the percentage of prompts that went out as they came.
func (s *serving) wholeShare() float64 { return 100 * float64(s.whole) / float64(s.prompts) }

// keptShare is the percentage of answers kept of the prompts that were shortened; 100 where none was.
func (s *serving) keptShare() float64 {
	if s.whole == s.prompts {
		return 100
	}
	return 100 * float64(s.kept) / float64(s.prompts-s.whole)
}

// served prints what [compressor.Service.Compress] makes of whole prompts: it leaves some as they came
// on purpose, of which the rows of the selector alone know nothing.
func (b *bench) served(ctx context.Context, sets []labelled.Set) error {
	b.printf("\nThe whole service, documents before the question or as a tool's result\n%-14s %-5s %6s %9s %12s %22s %13s\n", "", "form", "rate", "questions", "left whole", "kept of the shortened", "tokens left")
	for _, set := range sets {
		for _, f := range forms {
			for _, rate := range rates {
				s, err := b.serve(ctx, set, f, rate)
				if err != nil {
					return err
				}
				b.printf("%-14s %-5s %6.2f %9d %10.1f %% %20.1f %% %11.1f %%\n", set.Name, f.name, rate, s.prompts, s.wholeShare(), s.keptShare(), 100*float64(s.compressed)/float64(s.original))
			}
		}
	}
	return nil
}

// serve has the service compress the prompt of each question of a set.
func (b *bench) serve(ctx context.Context, set labelled.Set, f form, rate float64) (s serving, err error) {
	service, err := compressor.New(compressor.Options{
		Profiles: map[string]compressor.Profile{compressor.DefaultProfile: {Rate: rate}}, Timeout: time.Minute, Counter: &b.counter,
	})
	if err != nil {
		return s, err
	}
	for i := range set.Items {
		it := &set.Items[i]
		body, err := encode(f.messages(it.Question, it.Joined())...)
		if err != nil {
			return s, err
		}
		result, err := service.Compress(ctx, compressor.Request{Body: body, Provider: "openai", Model: "gpt-4o"})
		if err != nil {
			return s, err
		}
		s.prompts++
		s.original, s.compressed = s.original+result.Original, s.compressed+result.Compressed
		if result.Body == nil {
			s.whole++
			continue
		}
		documents, err := documentsOf(result.Body, it.Question)
		if err != nil {
			return s, err
		}
		if it.Answered(documents) {
			s.kept++
		}
	}
	return s, nil
}

// documentsOf is what a request says in its last message, but for the question.
func documentsOf(body []byte, question string) (string, error) {
	var request struct{ Messages []message }
	if err := json.Unmarshal(body, &request); err != nil {
		return "", err
	}
	return strings.TrimSuffix(request.Messages[len(request.Messages)-1].Content, asks+question), nil
}
