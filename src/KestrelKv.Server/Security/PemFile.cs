using System.Buffers.Text;
using System.Text;
using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Security;

/// <summary>A block of a PEM file (RFC 7468).</summary>
/// <param name="Label">The label, such as <c>CERTIFICATE</c>.</param>
/// <param name="Line">The number of the line that begins the block, from 1.</param>
/// <param name="Text">The block with its first and last line.</param>
internal sealed record PemBlock(string Label, int Line, string Text)
{
    /// <summary>Returns the decoded contents.</summary>
    public byte[] Decode() => Convert.FromBase64String(Text[(Text.IndexOf('\n') + 1)..Text.LastIndexOf('\n')]);
}

/// <summary>A file with certificates or a key in PEM format. Errors name the setting, the file, the place and the reason.</summary>
/// <param name="Setting">The setting with the path, without its section KestrelKv.</param>
/// <param name="Path">The path.</param>
internal sealed record PemFile(string Setting, string Path)
{
    /// <summary>The maximum size of a file. A path may point to something that is not a certificate.</summary>
    private const int BytesMax = 1024 * 1024;

    private const string Begin = "-----BEGIN ";
    private const string End = "-----END ";
    private const string Dashes = "-----";

    /// <summary>Returns a file whose contents can be compared.</summary>
    public static WatchedFile Watch(string path) => new(path, BytesMax);

    /// <exception cref="SettingsException">The file cannot be read, or is not in PEM format.</exception>
    public PemBlock[] Read()
    {
        try
        {
            PemBlock[] blocks = Parse(Encoding.UTF8.GetString(Watch(Path).Read()));
            return blocks.Length > 0 ? blocks : throw Error(null, $"no line begins with \"{Begin}\", expected PEM format");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Error(null, e.Message);
        }
    }

    /// <summary>Returns the error of a block; null for the file.</summary>
    public SettingsException Error(PemBlock? block, string reason)
    {
        string place = block is null ? "" : $", line {block.Line}";
        return new SettingsException($"{ServerSettings.Section}:{Setting}: {Path}{place}: {reason.ReplaceLineEndings(" ")}");
    }

    private PemBlock[] Parse(string text)
    {
        var blocks = new List<PemBlock>();
        string[] lines = text.ReplaceLineEndings("\n").Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith(Begin, StringComparison.Ordinal)) continue;
            string label = lines[i][Begin.Length..].TrimEnd().Replace(Dashes, "", StringComparison.Ordinal);
            int end = Array.FindIndex(lines, i + 1, line => line.StartsWith(Dashes, StringComparison.Ordinal));
            var block = new PemBlock(label, i + 1, end < 0 ? "" : string.Join('\n', lines[i..(end + 1)]));
            string last = $"{End}{label}{Dashes}";
            if (end < 0 || lines[end].TrimEnd() != last) throw Error(block, $"the block is incomplete, expected the line \"{last}\"");
            if (end == i + 1) throw Error(block, "the block is empty");
            if (lines[i + 1].Contains(':', StringComparison.Ordinal)) throw Error(block, "the block is encrypted, expected no password");
            for (int line = i + 1; line < end; line++)
            {
                if (!Base64.IsValid(lines[line]))
                    throw Error(block with { Line = line + 1 }, "the line is not valid Base64");
            }
            if (!Base64.IsValid(string.Concat(lines[(i + 1)..end]))) throw Error(block, "the block is not valid Base64");
            blocks.Add(block);
            i = end;
        }
        return [.. blocks];
    }
}
