namespace KestrelKv.Benchmarks.Transfers;

/// <summary>The files of a measurement.</summary>
/// <param name="Lines">The entries for <c>kkv import</c>.</param>
/// <param name="Commands">The same entries for <c>redis-cli --pipe</c>.</param>
/// <param name="Export">The output of exports.</param>
internal sealed record TransferFiles(string Lines, string Commands, string Export)
{
    /// <summary>Writes the entries. A value is as long in both servers: the quotes of a JSON string count.</summary>
    public static TransferFiles Write(string directory, TransferOptions options)
    {
        var files = new TransferFiles(Path.Combine(directory, "entries.ndjson"), Path.Combine(directory, "entries.resp"), Path.Combine(directory,
            "export"));
        string text = new('x', Math.Max(0, options.ValueBytes - 2));
        using StreamWriter lines = File.CreateText(files.Lines), commands = File.CreateText(files.Commands);
        for (int i = 0; i < options.Keys; i++)
        {
            lines.Write($"{{\"key\":\"key:{i:D12}\",\"value\":\"{text}\"}}\n");
            commands.Write($"*3\r\n$3\r\nSET\r\n$16\r\nkey:{i:D12}\r\n${text.Length + 2}\r\n\"{text}\"\r\n");
        }
        return files;
    }
}
