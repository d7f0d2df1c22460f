package veto_test

import "testing"

func TestModified(t *testing.T) {
	check(t, "modified", []pair{
		{"Do Indian women like Pakistani men?", "Do Pakistani women like Indian men?"},
	}, []pair{
		{"Are red apples sweeter than green pears?", "Are red apples sweeter than green pears"},
	})
}
