using System.CommandLine;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Completion;

/// <summary><c>kkv completion SHELL</c>: prints a script that completes commands, options and keys in a shell.</summary>
internal static class CompletionCommand
{
    public static Command Create(CommandHost host)
    {
        var shell = new Argument<string>("shell") { Description = "The shell: bash, zsh, fish or powershell." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish", "powershell");
        var command = new Command("completion", "Print a script that completes commands, options and keys in a shell.") { shell };
        return host.Handle(command, (arguments, session, _) =>
        {
            string script = arguments.GetRequiredValue(shell) switch
            {
                "bash" => CompletionScripts.Bash,
                "zsh" => CompletionScripts.Zsh,
                "fish" => CompletionScripts.Fish,
                _ => CompletionScripts.PowerShell,
            };
            session.Write(script.ReplaceLineEndings("\n") + "\n");
            return Task.FromResult(ExitCode.Ok);
        });
    }
}
