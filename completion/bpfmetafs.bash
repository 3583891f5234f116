# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion in bash for all commands of bpfmetafs. Options are those that a command's --help names.
# Programs and names of metadata are those of a tree that is mounted and that the user may read.

# _bpfmetafs_offer CANDIDATE...: those that go on from the current word. With a tab in it, a candidate is
# a word and a hint, which is shown as long as there is a choice.
_bpfmetafs_offer() {
    local candidate matching=()

    for candidate; do
        [[ $candidate == "$cur"* ]] && matching+=("$candidate")
    done
    if [[ ${#matching[@]} -eq 1 ]]; then
        COMPREPLY=("$(printf %q "${matching[0]%%$'\t'*}")")
    else
        COMPREPLY=("${matching[@]//$'\t'/  }")
    fi
}

_bpfmetafs_options() {
    local words

    mapfile -t words < <("$1" --help 2>/dev/null | grep -oE '^ +-[^ ].*' |
        sed -E 's/   *[^ -].*//' | grep -oE '(^|[ ,])--?[A-Za-z][a-z-]*=?' | tr -d ' ,' | sort -u)
    _bpfmetafs_offer "${words[@]}"
    [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}

# What stands before the last comma stays.
_bpfmetafs_mount_options() {
    local before= words

    if [[ ${cur##*,} == rules=* ]]; then
        before=${cur%rules=*}rules=
        mapfile -t words < <(compgen -f -- "${cur#"$before"}")
        COMPREPLY=("${words[@]/#/$before}")
        compopt -o filenames
        return
    fi
    [[ $cur != *,* ]] || before=${cur%,*},
    mapfile -t words < <("$1" --help 2>/dev/null | sed -nE "s/^  -o ([a-z_]+=?).*/\1/p")
    _bpfmetafs_offer "${words[@]/#/$before}"
    compopt -o nospace
}

# The first tree of the running kernel that may be read.
_bpfmetafs_tree() {
    local what where type

    while read -r what where type _; do
        if [[ $type == fuse.bpfmetafs && -r $where && -e $where/maps && $what == @(bpf|none|kernel|bpfmetafs) ]]; then
            printf %b "$where"
            return
        fi
    done </proc/self/mounts
    return 1
}

_bpfmetafs_programs() {
    local tree directory name words=()

    tree=$(_bpfmetafs_tree) || return
    for directory in "$tree"/[0-9]*; do
        name=
        # Programs go meanwhile; a name may be empty.
        { read -r name <"$directory/info/name"; } 2>/dev/null
        [[ ! -e $directory/info/name ]] || words+=("${directory##*/}"$'\t'"${name:-(no name)}")
    done
    _bpfmetafs_offer "${words[@]}"
}

# _bpfmetafs_names SUFFIX DIRECTORY...: the names of metadata in directories of programs.
_bpfmetafs_names() {
    local suffix=$1 directory entry words=()
    local -A seen=([info]=1 [maps]=1 ['*']=1)

    shift
    for directory; do
        for entry in "$directory"/*; do
            entry=${entry##*/}
            [[ -z ${seen[$entry]-} ]] || continue
            seen[$entry]=1
            words+=("$entry$suffix")
        done
    done
    _bpfmetafs_offer "${words[@]}"
}

# Of an object file, without mounting it: names as they stand in its table of strings.
_bpfmetafs_names_in_object() {
    local words

    mapfile -t words < <(grep -aoE 'bpf_metadata_[A-Za-z0-9_]+' "$1" 2>/dev/null | sed 's/^bpf_metadata_//' | sort -u)
    _bpfmetafs_offer "${words[@]}"
}

_bpfmetafs_files() {
    mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
    compopt -o filenames
}

# Splits the line at blanks, not at COMP_WORDBREAKS: a list of mount options is one word. Sets $command,
# $cur, $previous, how many words before the current one are no options ($operands), and the first of those.
_bpfmetafs_split() {
    local words i

    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:0:COMP_POINT} != *[[:blank:]] ]] || words+=('')
    command=${words[0]} cur=${words[-1]} previous=${words[-2]} operands=0 first=
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
        -o | --options | -N | --namespace | -t | --types) ((i++)) ;;
        -*) ;;
        *)
            [[ $operands -gt 0 ]] || first=${words[i]}
            ((operands++))
            ;;
        esac
    done
}

_bpfmetafs_complete() {
    local tree

    case $previous in
    -o | --options)
        _bpfmetafs_mount_options "$command"
        return
        ;;
    -N | --namespace)
        _bpfmetafs_files -f
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        _bpfmetafs_options "$command"
        return
    fi
    case ${command##*/} in
    bpfmetafs | mount.bpfmetafs)
        case $operands in
        0)
            _bpfmetafs_files -f
            [[ bpf != "$cur"* ]] || COMPREPLY+=(bpf)
            ;;
        1) _bpfmetafs_files -d ;;
        esac
        ;;
    bpfmeta-annotate)
        if [[ $operands -eq 0 && $cur == */* ]]; then
            _bpfmetafs_files -f
        elif [[ $operands -eq 0 ]]; then
            _bpfmetafs_programs
        elif [[ $cur != *=* ]] && tree=$(_bpfmetafs_tree); then
            _bpfmetafs_names = "$tree"/[0-9]*
            compopt -o nospace
        fi
        ;;
    bpfmeta-check)
        if [[ $operands -eq 0 ]]; then
            _bpfmetafs_files -f
        elif [[ -d $first ]]; then
            _bpfmetafs_names '' "$first"/[0-9]*
        else
            _bpfmetafs_names_in_object "$first"
        fi
        ;;
    bpfmeta-cflags) _bpfmetafs_files -d ;;
    esac
}

_bpfmetafs() {
    local command cur previous operands first before

    COMPREPLY=()
    _bpfmetafs_split
    _bpfmetafs_complete
    # bash replaces only what comes after the last = of the word.
    before=${cur%"${cur##*=}"}
    [[ $COMP_WORDBREAKS != *=* ]] || COMPREPLY=("${COMPREPLY[@]#"$before"}")
}

complete -F _bpfmetafs bpfmetafs mount.bpfmetafs bpfmeta-annotate bpfmeta-check bpfmeta-cflags
