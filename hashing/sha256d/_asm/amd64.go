package main

import (
	"fmt"
	"slices"
)

// What amd64 kernels have in common: where arguments are, and the loop around a
// step. A step tries one nonce in each lane under one midstate.
//
//	SI   the kernel's memory            DI   records for hits
//	R8   table of constants             R10  how many records fit
//	R9   table of prepared words        AX   records written
//	DX   steps (or batches) to do       CX   steps done
//	BX   lanes that hit, one bit each   R11  versions left
const memory = "SI"

var (
	constants = Memory{Base: "R8"}
	prepared  = Memory{Base: "R9"}
)

// arguments is the size of: m, words, versions, steps, records, room, and the
// results found, done.
const arguments = 8 * 8

// enter reads the arguments.
func enter(a *Assembly) {
	a.Lines(
		"MOVQ m+0(FP), SI",
		"MOVQ words+8(FP), R9",
		"MOVQ steps+24(FP), DX",
		"MOVQ records+32(FP), DI",
		"MOVQ room+40(FP), R10",
		"LEAQ constants<>(SB), R8",
		"XORL AX, AX",
		"XORL CX, CX",
	)
}

// each repeats a step, which ends with the lanes that hit in BX. They are those
// of the step that is so many before. clean is for the end.
func each(a *Assembly, step []string, behind int, clean ...string) {
	if behind > 0 {
		a.Linef("ADDQ $%d, DX", behind)
	}
	a.Lines("PCALIGN $64")
	a.Label("step")
	a.Lines(step...)
	a.Lines("INCQ CX", "TESTL BX, BX", "JNZ hit")
	a.Label("next")
	a.Lines("CMPQ CX, DX", "JB step")
	leave(a, behind, clean)
}

// eachVersion makes a schedule for each batch, and repeats the step with each
// version's prepared words, which are so many bytes apart.
func eachVersion(a *Assembly, schedule, step []string, apart int, clean ...string) {
	a.Label("batch")
	a.Lines(schedule...)
	a.Lines("MOVQ words+8(FP), R9", "MOVQ versions+16(FP), R11", "PCALIGN $64")
	a.Label("step")
	a.Lines(step...)
	a.Linef("ADDQ $%d, R9", apart)
	a.Lines("INCQ CX", "TESTL BX, BX", "JNZ hit")
	a.Label("next")
	a.Lines("DECQ R11", "JNZ step", "DECQ DX", "JNZ batch")
	leave(a, 0, clean)
}

// leave is what follows the loop: the end, and the rare case of a hit. Hits of
// steps before the first are of memory that is not set.
func leave(a *Assembly, behind int, clean []string) {
	a.Label("end")
	a.Lines(clean...)
	a.Linef("SUBQ $%d, CX", behind)
	a.Lines("MOVQ AX, found+48(FP)", "MOVQ CX, done+56(FP)", "RET")
	a.Label("hit")
	a.Lines(
		"MOVQ CX, R15",
		fmt.Sprintf("SUBQ $%d, R15", behind+1),
		"JLT next",
		fmt.Sprintf("MOVL R15, record_step(DI)(AX*%d)", recordSize),
		fmt.Sprintf("MOVL BX, record_lanes(DI)(AX*%d)", recordSize),
		"INCQ AX",
		"CMPQ AX, R10",
		"JB next",
		"JMP end",
	)
}

const recordSize = 8

// ahead was the fastest of what was tried on a Xeon with AVX-512: 3 % over none.
const ahead = 4

const constraint = "amd64 && !purego"

func generateAMD64(dir string) error {
	src := NewSource(constraint)
	whole := NewSearchAhead(Whole, ahead)
	for _, f := range []struct {
		name string
		emit func(a *Assembly, src *Source, whole *Search)
	}{
		{"sse", emitSSE},
		{"avx", emitAVX},
		{"shani", emitSHANI},
		{"hybrid", emitHybrid},
	} {
		a := NewAssembly(constraint)
		f.emit(a, src, whole)
		if err := a.Write(dir, f.name+"_amd64.s"); err != nil {
			return err
		}
	}
	return src.Write(dir, "prepare_amd64.go")
}

func emitSSE(a *Assembly, src *Source, whole *Search) {
	var constants Table
	v := sse()
	src.Constant("spillsSSE", v.one(a, whole, NewKnown(&constants, whole.Live(whole.Last))))
	var rows []uint32
	for _, w := range constants.Values() {
		rows = append(rows, slices.Repeat([]uint32{w}, v.Lanes)...)
	}
	a.Words("constants", rows)
}

func emitAVX(a *Assembly, src *Source, whole *Search) {
	var constants Table
	known := NewKnown(&constants, whole.Live(whole.Last))
	src.Prepare("prepareWhole", "wholeWords", &whole.Graph, &known.Prepared)

	rows := whole.rows()
	rowsKnown := NewKnown(&constants, whole.Live(rows...))
	src.Prepare("prepareRows", "rowsWords", &whole.Graph, &rowsKnown.Prepared)
	src.Constant("scheduleRows", len(rows))

	version := NewSearchAhead(Schedule, ahead)
	versionKnown := NewKnown(&constants, version.Live(version.Last))
	src.Prepare("prepareVersion", "versionWords", &version.Graph, &versionKnown.Prepared)

	for _, v := range []func() *Vector{avx512, avx2} {
		one := v().one(a, whole, known)
		many := v().versions(a, whole, rowsKnown, version, versionKnown)
		src.Constant("spills"+v().Name, max(one, many))
	}
	a.Words("constants", constants.Values())
}

func emitSHANI(a *Assembly, src *Source, whole *Search) {
	var constants Table
	one := newSHANI(4, &constants, streamsField("known"))
	spills := one.one(a, whole)
	version := newSHANI(4, &constants, prepared)
	rows := newSHANI(4, &constants, streamsField("known"))
	src.Constant("spillsSHANI", max(spills, version.versions(a, whole, rows)))
	src.Prepare("prepareSHANI", "shaniWords", &whole.Graph, &one.known.Prepared)
	src.Prepare("prepareSHANIRows", "shaniRowsWords", &whole.Graph, &rows.known.Prepared)
	src.Prepare("prepareSHANIVersion", "shaniVersionWords", &whole.Graph, &version.known.Prepared)
	a.Words("constants", constants.Values())
}

func emitHybrid(a *Assembly, src *Source, whole *Search) {
	h := newHybrid(&Table{}, whole)
	src.Constant("spillsHybrid", max(h.one(a, whole), h.versions(a, whole)))
	src.Prepare("prepareHybrid", "hybridWords", &h.search.Graph, &h.mids.Prepared)
	a.Words("constants", h.mids.Constants.Values())
}
