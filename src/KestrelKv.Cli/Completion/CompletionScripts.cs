namespace KestrelKv.Cli.Completion;

/// <summary>
/// The scripts that shells load. Each sends the command line up to the cursor, and the position of the cursor in it, to the directive
/// <c>[suggest]</c> of the program, which prints one completion on each line.
/// </summary>
internal static class CompletionScripts
{
    /// <summary>
    /// Bash divides words at colons, which are common in keys. The script therefore takes the word from the line, and returns completions
    /// without the part before the last divider.
    /// </summary>
    public const string Bash = """
        # Load it with: source <(kkv completion bash)
        _kkv() {
            local line=${COMP_LINE:0:COMP_POINT} candidate
            local word=${line##*[[:space:]]}
            local plain=${word//[\\\"\']/}
            local divided=${plain%"${plain##*[:=]}"}
            COMPREPLY=()
            while IFS= read -r candidate; do
                [[ $candidate == "$plain"* && ( $candidate != -* || $plain == -* ) ]] || continue
                [[ $candidate == -* ]] || candidate=$(printf '%q' "$candidate")
                COMPREPLY+=("${candidate#"$divided"}")
            done < <("${COMP_WORDS[0]}" "[suggest:${#line}]" "$line" 2>/dev/null)
        }
        complete -o bashdefault -o default -F _kkv kkv
        """;

    public const string Zsh = """
        #compdef kkv
        # Load it with: source <(kkv completion zsh), or save it as _kkv in a directory of $fpath.
        _kkv() {
            local -a candidates
            candidates=("${(@f)$("${words[1]}" "[suggest:${#LBUFFER}]" "$LBUFFER" 2>/dev/null)}")
            candidates=(${candidates:#})
            [[ $PREFIX == -* ]] || candidates=(${candidates:#-*})
            if (( ${#candidates} )); then compadd -a candidates; else _files; fi
        }
        if [[ ${funcstack[1]} == _kkv ]]; then _kkv "$@"; else compdef _kkv kkv; fi
        """;

    public const string Fish = """
        # Load it with: kkv completion fish | source
        function __kkv_complete
            set -l line (commandline --cut-at-cursor)
            set -l candidates (kkv "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null)
            if string match --quiet -- '-*' (commandline --current-token)
                string join -- \n $candidates
            else
                string match --invert -- '-*' $candidates
            end
        end
        complete --command kkv --arguments '(__kkv_complete)'
        """;

    public const string PowerShell = """
        # Load it with: kkv completion powershell | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName kkv -ScriptBlock {
            param($word, $ast, $cursor)
            $line = $ast.ToString().PadRight($cursor).Substring(0, $cursor)
            kkv "[suggest:$cursor]" "$line" 2>$null | Where-Object { $_.StartsWith($word, 'OrdinalIgnoreCase') } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }
        """;
}
