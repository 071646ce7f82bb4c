using System.Text.Json;
using System.Text.Json.Serialization;

namespace KestrelKv.Server.Security;

/// <summary>The users file: roles with grants, users with secrets. SETTINGS.md describes its members.</summary>
/// <param name="Version">The version of the format: 1.</param>
/// <param name="Roles">The roles by name.</param>
/// <param name="Users">The users by name.</param>
/// <param name="Anonymous">The rights of clients that do not authenticate; null for none.</param>
internal sealed record UsersFile(
    int Version,
    OrderedDictionary<string, RoleEntry> Roles,
    OrderedDictionary<string, UserEntry> Users,
    AnonymousEntry? Anonymous = null)
{
    public const int CurrentVersion = 1;

    /// <summary>The maximum size of the file, in bytes.</summary>
    private const int BytesMax = 16 * 1024 * 1024;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>Returns a file without roles and users.</summary>
    public static UsersFile Empty() => new(CurrentVersion, [], []);

    /// <summary>Returns a file whose contents can be compared.</summary>
    public static WatchedFile Watch(string path) => new(path, BytesMax);

    /// <summary>Reads a file.</summary>
    /// <exception cref="UsersFileException">The file cannot be read or is invalid. The message names the file, the place and the reason.</exception>
    public static UsersFile Read(string path)
    {
        try
        {
            return Parse(path, Watch(path).Read());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsersFileException(path, null, e.Message);
        }
    }

    /// <summary>Parses the contents of a file.</summary>
    /// <exception cref="UsersFileException">The contents are invalid.</exception>
    public static UsersFile Parse(string path, ReadOnlySpan<byte> utf8)
    {
        try
        {
            UsersFile file = JsonSerializer.Deserialize<UsersFile>(utf8, Options)
                ?? throw new UsersFileException(path, null, "the file is null, expected an object");
            if (UsersFileCheck.Find(file) is { } fault) throw new UsersFileException(path, fault.Place, fault.Reason);
            return file;
        }
        catch (JsonException e)
        {
            string reason = e.Message.Split(" Path: ")[0].Split(" LineNumber: ")[0];
            throw new UsersFileException(path, e.LineNumber is { } line ? $"line {line + 1} ({e.Path})" : e.Path, reason);
        }
    }

    /// <summary>Returns the text of the file.</summary>
    public string ToText() => JsonSerializer.Serialize(this, Options) + "\n";
}

/// <summary>A role.</summary>
/// <param name="Grants">The rights to keys.</param>
/// <param name="Server">The rights to the server.</param>
internal sealed record RoleEntry(IReadOnlyList<GrantEntry>? Grants = null, IReadOnlyList<ServerRight>? Server = null);

/// <summary>Rights to the keys under a prefix.</summary>
/// <param name="Prefix">The prefix; empty for all keys.</param>
/// <param name="Allow">The rights.</param>
internal sealed record GrantEntry(string Prefix, IReadOnlyList<KeyRight> Allow);

/// <summary>A user.</summary>
/// <param name="Roles">The names of the roles.</param>
/// <param name="Secrets">The secrets. Any of them is valid.</param>
/// <param name="Certificates">The SHA-256 fingerprints of client certificates, as <c>sha256:</c> and 64 hexadecimal digits.</param>
/// <param name="Enabled">Whether the user can authenticate.</param>
internal sealed record UserEntry(
    IReadOnlyList<string> Roles, IReadOnlyList<SecretEntry>? Secrets = null, IReadOnlyList<string>? Certificates = null, bool Enabled = true);

/// <summary>A secret.</summary>
/// <param name="Sha256">The SHA-256 of its text, as 64 hexadecimal digits.</param>
/// <param name="Expires">The time from which it is invalid; null for none.</param>
internal sealed record SecretEntry(string Sha256, DateTimeOffset? Expires = null);

/// <summary>The rights of clients that do not authenticate.</summary>
/// <param name="Roles">The names of the roles.</param>
/// <param name="From">The networks of such clients, such as <c>10.1.0.0/16</c> or <c>::1/128</c>.</param>
internal sealed record AnonymousEntry(IReadOnlyList<string> Roles, IReadOnlyList<string> From);

/// <summary>A right to keys.</summary>
internal enum KeyRight
{
    Read,
    Write,
    Watch,
}

/// <summary>A right to the server.</summary>
internal enum ServerRight
{
    Admin,
    Metrics,
}

/// <summary>The users file is unreadable or invalid.</summary>
internal sealed class UsersFileException(string path, string? place, string reason)
    : Exception($"the users file {path} (KestrelKv:Security:UsersFile) is not valid: {(place is null ? "" : $"{place}: ")}{reason}");
