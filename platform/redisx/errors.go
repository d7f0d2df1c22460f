package redisx

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Guarded mends a client's errors. They quote no argument of a command and no piece of an answer:
// both may hold what must not be logged. And each command of a pipeline has the pipeline's where
// none ran: the driver leaves them without one when the server refuses the connection, as it does
// a wrong password. [Open] does so; a client that is made from another's options needs it as well.
func Guarded[C interface{ AddHook(redis.Hook) }](client C) C {
	client.AddHook(guard{})
	return client
}

// guard is a hook of the driver's.
type guard struct{}

// DialHook changes nothing.
func (guard) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook is of one command.
func (guard) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil || !quotes(err.Error()) {
			return err
		}
		err = unquote(err)
		cmd.SetErr(err)
		return err
	}
}

// ProcessPipelineHook is of several commands, each with an error of its own.
func (guard) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if err != nil && quotes(err.Error()) {
			err = unquote(err)
		}
		ran := err == nil
		for _, cmd := range cmds {
			e := cmd.Err()
			ran = ran || e != nil
			if e != nil && quotes(e.Error()) {
				cmd.SetErr(unquote(e))
			}
		}
		if !ran {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

// What the server says before it quotes a command's arguments, and what the driver says before it
// quotes an answer that it can't read (go-redis 9.23, internal/proto/reader.go).
const arguments = ", with args beginning with:"

var unreadable = [...]string{"redis: can't parse", "redis: can't read", "redis: invalid"}

func quotes(text string) bool {
	if strings.Contains(text, arguments) {
		return true
	}
	for _, start := range unreadable {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// unquote returns an error that quotes without what it quotes.
func unquote(err error) error {
	if text, _, cut := strings.Cut(err.Error(), arguments); cut {
		return refusal(text)
	}
	return errUnreadable
}

var errUnreadable = errors.New("redis: the server's answer can't be read")

// refusal is an error that a server answered, as the driver knows them.
type refusal string

func (r refusal) Error() string { return string(r) }

// RedisError is [redis.Error]'s.
func (refusal) RedisError() {}
