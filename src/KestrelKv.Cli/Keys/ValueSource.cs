using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Keys;

/// <summary>A value that the user gives: as an argument, as <c>@FILE</c>, or as <c>-</c> for standard input.</summary>
internal static class ValueSource
{
    /// <summary>Reads a value.</summary>
    /// <param name="argument">The argument; null for standard input.</param>
    /// <param name="isText">Whether the value is plain text, to be stored as a JSON string.</param>
    /// <param name="terminal">The terminal.</param>
    /// <param name="stop">Cancels the wait for standard input.</param>
    /// <returns>The JSON text, byte for byte.</returns>
    /// <exception cref="CommandFailure">The value is not JSON.</exception>
    public static async Task<byte[]> ReadAsync(string? argument, bool isText, Terminal terminal, CancellationToken stop)
    {
        byte[] bytes = argument switch
        {
            null or "-" => await ReadInputAsync(terminal, stop),
            ['@', .. var file] => await File.ReadAllBytesAsync(file, stop),
            _ => Encoding.UTF8.GetBytes(argument),
        };
        if (isText) return Encoding.UTF8.GetBytes("\"" + JsonEncodedText.Encode(bytes, Output.EntryJson.Options.Encoder) + "\"");
        ReadOnlySpan<byte> trimmed = bytes.AsSpan().Trim(" \t\r\n"u8);
        Check(trimmed, argument);
        return trimmed.ToArray();
    }

    private static async Task<byte[]> ReadInputAsync(Terminal terminal, CancellationToken stop)
    {
        if (terminal.IsInputTerminal) terminal.Error.WriteLine("Enter a value, then end the input with Ctrl-D:");
        using var all = new MemoryStream();
        await terminal.Input.CopyToAsync(all, stop).WaitAsync(stop);
        return all.ToArray();
    }

    private static void Check(ReadOnlySpan<byte> json, string? argument)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 1_024 });
            while (reader.Read())
            {
            }
        }
        catch (JsonException e)
        {
            string given = argument is null or "-" or ['@', ..] ? "" : $" {argument}";
            throw CommandFailure.Usage($"The value{given} is not JSON: {e.Message.TrimEnd('.')}. Quote it for the shell, or use --text to store it as a string");
        }
    }
}
