using System.CommandLine;
using KestrelKv.Cli.Shell.Editing;

namespace KestrelKv.Cli.Shell;

/// <summary>Completes commands, options, keys of the server, and the functions and parameters of <c>call</c>.</summary>
internal sealed class ShellCompleter(RootCommand root, ServerWords server)
{
    /// <summary>The words that only the shell has.</summary>
    public static readonly string[] OwnCommands = ["exit", "help"];

    /// <summary>Returns completions of the word at the cursor.</summary>
    public Completions Complete(string text, int cursor)
    {
        ShellWords words = ShellWords.Split(text[..cursor]);
        ShellWord last = words.IsInWord || words.IsOpen ? words.Words[^1] : new("", "", cursor);
        ShellWord[] before = [.. words.Words.Where(word => word.Start < last.Start)];
        if (before is [{ Text: "call" }, var function, ..] && last.Raw.StartsWith('{')) return CompleteParameter(function.Text, last, cursor);
        IEnumerable<string> candidates = Candidates(before, last.Text);
        return new(last.Start, [.. candidates.Where(word => word.StartsWith(last.Text, StringComparison.Ordinal))
            .Distinct().Order(StringComparer.Ordinal).Select(word => Quote(word) + " ")]);
    }

    private IEnumerable<string> Candidates(ShellWord[] before, string typed)
    {
        (Command command, int positional, Option? option) = Walk(before);
        if (option is not null) return option.HelpName?.Split('|') is { Length: > 1 } values ? values : [];
        if (typed.StartsWith('-'))
            return OptionsOf(command)
                .SelectMany(each => each.Aliases.Prepend(each.Name)).Where(name => name.StartsWith("--", StringComparison.Ordinal));
        if (before is [{ Text: "help" }]) return Names(root);
        if (command.Subcommands.Count > 0 && positional == 0) return command == root ? Names(root).Concat(OwnCommands) : Names(command);
        if (command.Name == "call" && positional == 0) return server.Functions();
        Argument? argument = command.Arguments.Count == 0 ? null : command.Arguments[Math.Min(positional, command.Arguments.Count - 1)];
        return argument?.Name is "key" or "keys" or "prefix" ? server.Keys(typed) : [];
    }

    /// <summary>Returns the command of the words, the number of its arguments, and the option whose value comes next.</summary>
    private (Command Command, int Positional, Option? Option) Walk(ShellWord[] words)
    {
        (Command command, int positional, Option? option) = (root, 0, null);
        foreach (ShellWord word in words)
        {
            if (option is not null) option = null;
            else if (word.Text.StartsWith('-'))
                option = OptionsOf(command)
                    .FirstOrDefault(each => (each.Name == word.Text || each.Aliases.Contains(word.Text)) && each.ValueType != typeof(bool));
            else if (positional == 0 && command.Subcommands.FirstOrDefault(each => each.Name == word.Text) is { } inner) command = inner;
            else positional++;
        }
        return (command, positional, option);
    }

    /// <summary>Completes the name of a parameter of a function in a JSON object.</summary>
    private Completions CompleteParameter(string function, ShellWord json, int cursor)
    {
        int quote = json.Raw.LastIndexOf('"');
        bool isOpen = json.Raw.Count(c => c == '"') % 2 == 1;
        string head = isOpen ? json.Raw[..quote].TrimEnd() : json.Raw.TrimEnd();
        if (!head.EndsWith('{') && !head.EndsWith(',')) return new(cursor, []);
        string typed = isOpen ? json.Raw[(quote + 1)..] : "";
        int start = isOpen ? json.Start + quote : cursor;
        return new(start,
            [.. server.Parameters(function).Where(name => name.StartsWith(typed, StringComparison.Ordinal)).Select(name => $"\"{name}\": ")]);
    }

    private IEnumerable<Option> OptionsOf(Command command) =>
        command.Options.Concat(command == root ? [] : root.Options.Where(option => option.Recursive)).Where(option => !option.Hidden);

    private static IEnumerable<string> Names(Command command) => command.Subcommands.Where(each => !each.Hidden).Select(each => each.Name);

    private static string Quote(string word) =>
        word.Length > 0 && !word.Any(c => char.IsWhiteSpace(c) || c is '"' or '\'') && word[0] is not ('{' or '[') ? word
        : word.Contains('\'', StringComparison.Ordinal)
            ? $"\"{word.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\""
        : $"'{word}'";
}
