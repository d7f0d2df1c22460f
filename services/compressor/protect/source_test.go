package protect_test

import (
	"strings"
	"testing"

	"tollgate.dev/services/compressor/protect"
)

// A text of source is source as a whole, in whatever language, and however much its comments say.
func TestRegionsOfSource(t *testing.T) {
	for name, text := range map[string]string{
		"Go": "// Package io provides basic interfaces to I/O primitives.\n// Its primary job is to wrap existing implementations of such primitives.\npackage io\n\n" +
			"// Reader is the interface that wraps the basic Read method.\n//\n// Read reads up to len(p) bytes into p. It returns the number of bytes.\ntype Reader interface {\n\tRead(p []byte) (n int, err error)\n}\n\n" +
			"// Writer is the interface that wraps the basic Write method.\n//\n// Write writes len(p) bytes from p to the underlying data stream.\n// It returns the number of bytes written from p.\ntype Writer interface {\n\tWrite(p []byte) (n int, err error)\n}\n",
		"C": "/* Copyright (C) 1991-2022 Free Software Foundation, Inc.\n   This file is part of the GNU C Library.\n\n   It is free software. You can redistribute it.\n   It comes without any warranty.  */\n\n#ifndef _A_H\n#define _A_H\t1\n\n" +
			"/* Close all the streams that are open.\n\n   This function is a possible cancellation point. It is so.  */\nextern int fcloseall (void);\n\n/* Open a file and create a new stream for it.\n   It returns nothing where that fails.  */\nextern FILE *fopen (const char *__restrict __filename,\n\t\t    const char *__restrict __modes)\n  __attribute_malloc__ __wur;\n\n#endif\n",
		"Java": "/**\n * Tells how old the mill is. It is old.\n *\n * <p>The mill stands by the river. It has for ages.\n *\n * @param at the time\n * @return years, never below 0\n */\npublic int age(Instant at) {\n    return Period.between(built, at).getYears();\n}\n\n" +
			"/**\n * Tells who built it. Nobody knows.\n *\n * @return a name\n */\npublic String builder() {\n    return builder;\n}\n",
		"Lisp":                                  ";;; The mill is old. It stands by the river.\n;;; It was built in 1742. Nobody knows by whom.\n\n(defun mill-age (mill now)\n  \"How old MILL is by NOW. In years.\"\n  (- now\n     (mill-built mill)))\n\n;; Its wheel is of oak. It turns.\n(defun mill-turn (mill)\n  (let ((wheel (mill-wheel mill)))\n    (wheel-turn wheel)\n    wheel))\n",
		"Prolog":                                "% The mill is old. It stands by the river.\n% It was built in 1742.\nolder(X, Y) :-\n    built(X, A),\n    built(Y, B),\n    A < B.\n\n% Who built it is not known. Nobody wrote it down.\nbuilt(mill, 1742).\nbuilt(weir, 1801).\nbuilt(house, 1910).\n",
		"assembler":                             "# The mill turns. It takes the count in edi.\n# It returns nothing. It never did.\n\t.globl\tturn\nturn:\n\tpushq\t%rbp\n\tmovq\t%rsp, %rbp\n\tmovl\t%edi, -4(%rbp)\n\tjmp\t.L2\n.L3:\n\tsubl\t$1, -4(%rbp)\n.L2:\n\tcmpl\t$0, -4(%rbp)\n\tjne\t.L3\n\tpopq\t%rbp\n\tret\n",
		"COBOL":                                 "      * The mill is old. It stands by the river.\n      * It was built in 1742.\n       IDENTIFICATION DIVISION.\n       PROGRAM-ID. MILL.\n       DATA DIVISION.\n       WORKING-STORAGE SECTION.\n       01 BUILT PIC 9(4) VALUE 1742.\n       PROCEDURE DIVISION.\n           MOVE 1742 TO BUILT.\n           DISPLAY \"Built in \" BUILT.\n           STOP RUN.\n",
		"Makefile":                              "# The mill's commands. There are some.\n\nSHELL := bash\nPACKAGES := ./a/... ./b/...\n\n.PHONY: build\nbuild: ## build the mill and the weir, and what is beside them\n\t@echo It is built. So it is.\n\tgo build -trimpath -o bin/mill ./cmd/mill\n\n.PHONY: test\ntest: build ## run every test of the mill with the race detector\n\tgo test -race ./...\n\tscripts/need docker compose and whatever else it takes to test the mill\n",
		"configuration":                         "# This is the configuration of the mill. It is read at the start.\n# What is left out has a default. Look it up.\n#\n\n[ default ]\ndir = ./mill # where all is kept\n\n# The wheel turns as fast as this. Not faster.\n[ wheel ]\nspeed = 12\nwood = oak\n",
		"a configuration that is commented out": "# The mill reads this file. It does so at the start.\n# What is left out has a default.\n#\n# How fast the wheel turns:\n#speed = 12\n#\n# What it is of. It may be oak.\n#wood = oak\n",
	} {
		regions, file := protect.Regions(text)
		if !file || len(regions) != 1 || regions[0].Look != protect.Source || regions[0].Start != 0 || regions[0].End != len(text) {
			t.Errorf("%s: a file %t, %+v", name, file, regions)
		}
		prose := strings.Repeat("The mill at Arden is old and stands by the river, where it has stood for ages, and it was built in 1742.\n\n", 20)
		regions, _ = protect.Regions(prose + text + "\n" + prose)
		covered := 0
		for _, r := range regions {
			if r.Look == protect.Source {
				covered += r.End - r.Start
			}
			if r.Start < len(prose) || r.End > len(prose)+len(text)+1 {
				t.Errorf("%s: prose beside it is taken for source: %+v", name, r)
			}
		}
		if covered < len(strings.TrimSpace(text)) {
			t.Errorf("%s: beside prose %d bytes of %d are source", name, covered, len(text))
		}
	}
}

// What is no source is none as a whole, and prose has none in it.
func TestRegionsOfNoSource(t *testing.T) {
	for name, text := range map[string]string{
		"prose":    "The mill is old.\nIt stands by the river, where it has stood for ages, and was built in 1742.\n\nIts wheel is of oak. A cat sleeps on the sacks (it is grey).\nVisitors come on Sundays; they like it.\n",
		"wrapped":  "   The mill at Arden is old and stands by the river, where it has\n   stood for ages. It was built in 1742 (or 1743), by nobody knows\n   whom; the weir is newer, it is of stone, and boats go up to it\n   when the water is high, as it is in spring.\n",
		"Markdown": "# The mill\n\nThe mill is old. It stands by the river and has a wheel of oak.\n\n## Its wheel\n\n- It turns when the water is high enough for it.\n- It is of oak, and it is older than the weir.\n\n## Its cat\n\nThe cat sleeps on the sacks and is fed by all who come.\n",
		"a list":   "* oak\n* elm\n* ash\n* beech\n* lime\n* yew\n* birch\n* larch\n* pine\n",
		"a poem":   "The mill is old,\n  the river wide,\nthe night is cold,\n  and none beside.\n\nThe wheel has turned,\n  the cat has slept,\nthe lamp has burned,\n  the watch is kept.\n",
		"a play":   "ANNA. The mill is old, and none of us has seen it turn.\n  (She sits down.)\nBO. It turned in spring when the water was high.\nANNA. Did it? I was not there to see it turn.\n  (They leave.)\n",
		"Chinese":  "    磨坊很古老，它建在河边，至今已有许多年的历史了。\n    它建于1742年，没有人知道是谁建造了这座磨坊。\n    它的轮子是橡木做的，水涨的时候就会转动起来。\n",
	} {
		if regions, file := protect.Regions(text); file || len(regions) > 0 {
			t.Errorf("%s: a file %t, %+v", name, file, regions)
		}
	}
}
