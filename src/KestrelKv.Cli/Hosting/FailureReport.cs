using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Hosting;

/// <summary>Reports failures of commands on standard error: as text, or as JSON if the output is JSON.</summary>
internal sealed class FailureReport(Terminal terminal, GlobalOptions options)
{
    /// <summary>Returns the failure of arguments that cannot be parsed: what is wrong, and where the help is.</summary>
    public static CommandFailure Of(ParseResult parsed)
    {
        if (ArgumentFault.OfUnknownOption(parsed) is { } unknown) return CommandFailure.Usage(unknown);
        string path = "";
        for (SymbolResult? each = parsed.CommandResult; each is CommandResult { Parent: not null, Command: var command }; each = each.Parent)
            path = $"{command.Name} {path}";
        string message = path.Length == 0 && parsed.UnmatchedTokens is [var name, ..] ? $"The command {name} does not exist"
            : ArgumentFault.OfValue(parsed.Errors[0]) ?? parsed.Errors[0].Message.TrimEnd('.');
        return CommandFailure.Usage($"{message}. See kkv {path}--help");
    }

    public void Write(CommandFailure failure, ParseResult parsed)
    {
        OutputFormat? format = parsed.GetResult(options.Output)?.Errors.Any() ?? true ? null : parsed.GetValue(options.Output);
        if (format is not (OutputFormat.Json or OutputFormat.Ndjson))
        {
            terminal.WriteMessage($"kkv: {failure.Message.TrimEnd('.')}.");
            return;
        }
        terminal.Error.WriteLine(Encoding.UTF8.GetString(EntryJson.Object(json =>
        {
            json.WriteStartObject("error");
            json.WriteString("code", failure.Code);
            json.WriteString("message", failure.Message);
            json.WriteNumber("exit_code", failure.ExitCode);
            if (failure.Index is { } index) json.WriteNumber("index", index);
            if (failure.Version is { } version) json.WriteNumber("version", version);
            json.WriteEndObject();
        })));
    }
}
