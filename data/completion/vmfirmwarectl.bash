# SPDX-License-Identifier: LGPL-2.1-or-later
#
# bash completion for vmfirmwarectl(1). Names come from the service and from files: none of them is
# ever expanded by the shell, which `compgen -W` would do.

# The lines of standard input that begin with $cur, as they have to be typed: $cur is as it was
# typed, perhaps by a completion before, and within quotes a name stands for itself if it can.
_vmfirmwarectl_names() {
    local name quoted
    while IFS= read -r name; do
        printf -v quoted %q "$name"
        if [[ $cur == [\'\"]* ]]; then
            [[ $name == "${cur:1}"* && $name != *[\'\"\`\$\\!]* ]] && printf '%s\n' "$name"
        elif [[ $name == "$cur"* || $quoted == "$cur"* ]]; then
            printf '%s\n' "$quoted"
        fi
    done
}

# Asks the service that the words before ask.
_vmfirmwarectl_ask() {
    vmfirmwarectl "${bus[@]}" --no-pager --no-ask-password "$@" 2>/dev/null
}

_vmfirmwarectl_architectures() {
    _vmfirmwarectl_ask --json=short host |
        sed -n 's/.*"architectures":\[\([^]]*\)\].*/\1/p' | tr , '\n' | tr -d '"'
}

# What the QEMU for architecture $1 knows; without one, the aliases that boards are known by.
_vmfirmwarectl_machines() {
    if command -v "qemu-system-$1" >/dev/null; then
        "qemu-system-$1" -machine help 2>/dev/null | sed -n '2,$s/ .*//p'
    else
        printf '%s\n' pc q35 microvm virt sbsa-ref vexpress-a9 vexpress-a15
    fi
}

_vmfirmwarectl() {
    local cur prev words cword split
    _init_completion -s -n : || return

    local verbs='list show select explain capabilities prepare run lease vms vm reset rebind clone rename
        export import pack unpack remove backups restore verify record variables boot enroll secure-boot set-variable delete-variable certificates metrics check-domain host
        monitor reload'
    local options='--help --version --system --user --host= --machine= --json= --no-legend --no-pager
        --no-ask-password --interface= --feature= --without-feature= --secure-boot --device= --mode=
        --format= --certificate= --firmware= --executable= --qemu-version= --host-supported --nvram= --render= --owner= --all
        --new-owner= --boot= --create= --reference= --unused= --orphans --nvram-size= --nvram-format=
        --nvram-template= --source-format= --reset --convert --live
        --backup --index= --names --list --pid= --pid-file= --libvirt= --pinned --check --machines= --offline --search-path= --descriptor=
        --dry-run --yes --into= --from= --order= --clear= --attributes= --no-enroll
        --root= --directory= --ephemeral --no-lease'
    local features='acpi-s3 acpi-s4 amd-sev amd-sev-es amd-sev-snp enrolled-keys host-uefi-vars
        intel-tdx requires-smm secure-boot verbose-dynamic verbose-static'
    local values

    case $prev in
    --interface) values='uefi bios openfirmware uboot' ;;
    --feature | --without-feature) values=$features ;;
    --device) values='flash memory kernel igvm' ;;
    --mode) values='split combined stateless' ;;
    --format) values='raw qcow2' ;;
    --nvram-format | --source-format) values='raw qcow2 json' ;;
    --render) values='qemu qemu-legacy libvirt libvirt-fields shell' ;;
    --into) values='PK KEK db dbx' ;;
    --clear) values='all bound' ;;
    --boot) values='keep clear-bound clear' ;;
    --create) values='auto never new adopt' ;;
    --json) values='pretty short off' ;;
    esac
    if [[ -n $values ]]; then
        COMPREPLY=($(compgen -W "$values" -- "$cur"))
        return
    fi

    case $prev in
    --executable | --reference | --nvram | --nvram-template | --pid-file | --descriptor) _filedir; return ;;
    --machines | --search-path | --root | --directory) _filedir -d; return ;;
    --owner | --new-owner) COMPREPLY=($(compgen -u -- "$cur")); return ;;
    --pid) _pids; return ;;
    --libvirt)
        mapfile -t COMPREPLY < <(virsh list --all --name 2>/dev/null | _vmfirmwarectl_names)
        return
        ;;
    --host | -H) _known_hosts_real -a -- "$cur"; return ;;
    --machine | -M)
        mapfile -t COMPREPLY < <(machinectl --no-legend --no-pager list 2>/dev/null |
            sed 's/ .*//' | _vmfirmwarectl_names)
        return
        ;;
    esac
    # a value that nothing is known of
    $split && [[ $prev != @(--firmware|--from) ]] && return

    # what was typed before: the verb, how many arguments stand behind it, and on which bus
    local verb= arguments=() bus=() in_place_of_id=() i
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        --) [[ $verb == @(run|lease) ]] && break ;;
        --user | --system | --offline) bus+=("${words[i]}") ;;
        -H | -M | --host | --machine | --search-path | --descriptor | --root)
            bus+=("${words[i]}" "${words[++i]}") ;;
        --host=* | --machine=* | --search-path=* | --descriptor=* | --root=*) bus+=("${words[i]}") ;;
        --directory) in_place_of_id=("${words[++i]}") ;;
        --directory=* | --ephemeral | --all) in_place_of_id=("${words[i]}") ;;
        -*) [[ ${words[i]} == *=* || $options != *"${words[i]}="[[:space:]]* ]] || ((i++)) ;;
        *) if [[ -z $verb ]]; then verb=${words[i]}; else arguments+=("${words[i]}"); fi ;;
        esac
    done

    if [[ $verb == @(run|lease) ]] && ((i < cword)); then
        # its place among readline's words, which a colon splits
        for ((i = 1; i < COMP_CWORD; i++)); do [[ ${COMP_WORDS[i]} == -- ]] && break; done
        _command_offset $((i + 1))
        return
    fi
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        return
    fi
    if [[ -z $verb && $prev != @(--firmware|--from) ]]; then
        COMPREPLY=($(compgen -W "$verbs" -- "$cur"))
        return
    fi

    arguments=("${in_place_of_id[@]}" "${arguments[@]}")
    local kind=
    case $verb:${#arguments[@]} in
    show:0) kind=firmware ;;
    select:0 | explain:0 | capabilities:0 | prepare:1 | run:1 | import:1) kind=architecture ;;
    select:1 | explain:1 | capabilities:1) kind=machine ;;
    prepare:2 | run:2 | import:2 | rebind:1) kind=machine ;;
    prepare:0 | run:0 | lease:0 | vm:0 | reset:0 | rebind:0 | clone:0 | rename:0 | export:0 | import:0 | pack:0 | remove:0 | backups:0 | restore:0)
        kind=vm
        ;;
    export:1 | pack:1 | unpack:* | import:3 | verify:* | record:0 | check-domain:*) kind=file ;;
    variables:0 | boot:0 | enroll:0 | secure-boot:0 | set-variable:0 | delete-variable:0) kind=store ;;
    enroll:*) kind=keys ;;
    secure-boot:1) kind=switch ;;
    set-variable:3) kind=file ;;
    esac
    [[ $prev == @(--firmware|--from) ]] && kind=firmware
    case $kind in
    firmware) mapfile -t COMPREPLY < <(_vmfirmwarectl_ask --names list | _vmfirmwarectl_names) ;;
    vm) mapfile -t COMPREPLY < <(_vmfirmwarectl_ask --names vms | _vmfirmwarectl_names) ;;
    architecture)
        mapfile -t COMPREPLY < <(_vmfirmwarectl_architectures | _vmfirmwarectl_names)
        # import ID FILE
        [[ $verb == import ]] && _filedir
        ;;
    machine)
        mapfile -t COMPREPLY < <(
            _vmfirmwarectl_machines "${arguments[-1]}" | _vmfirmwarectl_names)
        ;;
    file) _filedir ;;
    keys)
        COMPREPLY=($(compgen -W 'microsoft-2023' -- "$cur"))
        _filedir
        ;;
    switch) COMPREPLY=($(compgen -W 'on off' -- "$cur")) ;;
    store)
        # none with --offline, which the question has, too
        mapfile -t COMPREPLY < <(_vmfirmwarectl_ask --names vms | _vmfirmwarectl_names)
        _filedir
        ;;
    esac

    # readline takes these for the end of a word, and has what stands before
    local breaks=${COMP_WORDBREAKS//[!:=]} before=
    [[ -n $breaks ]] && before=${cur%"${cur##*[$breaks]}"}
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"$before"}
    done
}

complete -F _vmfirmwarectl vmfirmwarectl
