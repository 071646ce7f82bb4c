using System.Net;
using System.Text;

namespace KestrelKv.Server.Security;

/// <summary>Checks the parts of a users file that its JSON form does not determine.</summary>
internal static class UsersFileCheck
{
    private const int NameLengthMax = 64;
    private const int PrefixBytesMax = 65_536;
    private const int HashDigits = 64;
    private const string IsNull = "a value is null";

    /// <summary>The prefix of a certificate's fingerprint.</summary>
    public const string FingerprintPrefix = "sha256:";

    /// <summary>Returns the place and reason of the first fault; null if there is none.</summary>
    public static (string Place, string Reason)? Find(UsersFile file)
    {
        if (file.Version != UsersFile.CurrentVersion) return ("version", $"the version is {file.Version}, expected {UsersFile.CurrentVersion}");
        foreach ((string name, RoleEntry role) in file.Roles)
        {
            if (!IsName(name)) return ("roles", BadName("role", name));
            if (role is null) return ($"roles.{name}", IsNull);
            if (role.Grants?.Contains(null!) == true) return ($"roles.{name}.grants", IsNull);
            for (int i = 0; i < (role.Grants?.Count ?? 0); i++)
            {
                GrantEntry grant = role.Grants![i];
                if (Encoding.UTF8.GetByteCount(grant.Prefix) > PrefixBytesMax)
                    return ($"roles.{name}.grants[{i}].prefix", $"the prefix has more than {PrefixBytesMax} bytes of UTF-8");
            }
        }

        var hashes = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var fingerprints = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, UserEntry user) in file.Users)
        {
            string place = $"users.{name}";
            if (!IsName(name)) return ("users", BadName("user", name));
            if (user is null) return (place, IsNull);
            if (user.Secrets?.Contains(null!) == true) return ($"{place}.secrets", IsNull);
            if (user.Certificates?.Contains(null!) == true) return ($"{place}.certificates", IsNull);
            if (UnknownRole(file, user.Roles) is { } unknown) return ($"{place}.roles", unknown);
            foreach (SecretEntry secret in user.Secrets ?? [])
            {
                if (secret.Sha256.Length != HashDigits || !secret.Sha256.All(char.IsAsciiHexDigit))
                    return ($"{place}.secrets", "\"sha256\" is not the SHA-256 of a secret, expected 64 hexadecimal digits");
                if (!hashes.Add(secret.Sha256)) return ($"{place}.secrets", $"the secret {Secret.IdOf(secret.Sha256)} is listed twice");
            }
            foreach (string fingerprint in user.Certificates ?? [])
            {
                if (!IsFingerprint(fingerprint))
                    return ($"{place}.certificates", $"\"{fingerprint}\" is not a fingerprint, expected sha256: and 64 hexadecimal digits");
                if (!fingerprints.Add(fingerprint)) return ($"{place}.certificates", $"the certificate {fingerprint} is listed twice");
            }
        }

        if (file.Anonymous is not { } anonymous) return null;
        if (UnknownRole(file, anonymous.Roles) is { } role2) return ("anonymous.roles", role2);
        foreach (string network in anonymous.From)
        {
            if (network is null) return ("anonymous.from", IsNull);
            if (!IPNetwork.TryParse(network, out _))
                return ("anonymous.from", $"\"{network}\" is not a network, expected an address and a prefix length such as 10.1.0.0/16");
        }
        return null;
    }

    /// <summary>Whether a text is the name of a user or role: 1 to 64 ASCII letters, digits, <c>.</c>, <c>_</c>, <c>-</c> or <c>@</c>.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= NameLengthMax && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '@');

    private static bool IsFingerprint(string text) =>
        text.StartsWith(FingerprintPrefix, StringComparison.Ordinal) && text.Length == FingerprintPrefix.Length + HashDigits &&
        text[FingerprintPrefix.Length..].All(char.IsAsciiHexDigit);

    private static string? UnknownRole(UsersFile file, IReadOnlyList<string> roles) =>
        roles.Contains(null!) ? IsNull :
        roles.FirstOrDefault(role => !file.Roles.ContainsKey(role)) is { } unknown
            ? $"the role \"{unknown}\" does not exist, expected one of {string.Join(", ", file.Roles.Keys)}"
            : null;

    private static string BadName(string kind, string name) =>
        $"\"{name.ReplaceLineEndings(" ")}\" is not the name of a {kind}, expected 1 to {NameLengthMax} letters, digits, dots, underscores, hyphens or @";
}
