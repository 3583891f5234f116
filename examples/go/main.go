// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause

// Loads an object by cilium/ebpf, binds its metadata to all of its programs, and pins them.
package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

const readOnlyForPrograms = 1 << 7 // BPF_F_RDONLY_PROG of <linux/bpf.h>

// metadata makes the map of the section .rodata. The library does so only if a program uses a variable of
// the section.
func metadata(path string, spec *ebpf.CollectionSpec) (*ebpf.Map, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	section := file.Section(".rodata")
	if section == nil {
		return nil, fmt.Errorf("%s has no section .rodata", path)
	}
	data, err := section.Data()
	if err != nil {
		return nil, err
	}
	var variables *btf.Datasec
	if err := spec.Types.TypeByName(".rodata", &variables); err != nil {
		return nil, err
	}
	return ebpf.NewMap(&ebpf.MapSpec{
		Name:       ".rodata",
		Type:       ebpf.Array,
		KeySize:    4,
		ValueSize:  uint32(len(data)),
		MaxEntries: 1,
		Flags:      readOnlyForPrograms,
		Freeze:     true,
		Contents:   []ebpf.MapKV{{Key: uint32(0), Value: data}},
		BTF:        spec.Types,
		Key:        &btf.Void{},
		Value:      variables,
	})
}

func load(path, directory string) error {
	spec, err := ebpf.LoadCollectionSpec(path)
	if err != nil {
		return err
	}
	objects, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	defer objects.Close()
	variables := objects.Maps[".rodata"]
	if variables == nil {
		if variables, err = metadata(path, spec); err != nil {
			return err
		}
		defer variables.Close()
	}
	for name, program := range objects.Programs {
		if err := program.BindMap(variables); err != nil {
			return err
		}
		if err := program.Pin(filepath.Join(directory, name)); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "Usage: load OBJECT DIRECTORY-IN-BPFFS")
		os.Exit(2)
	}
	if err := load(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
