using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using KestrelKv.Client;
using KestrelKv.Extensions.Caching;
using KestrelKv.Extensions.Caching.Payloads;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Extensions.AspNetCore.DataProtection;

/// <summary>
/// A repository of Data Protection in which each XML element is one key, with the text of the element as its value. Elements are never replaced.
/// </summary>
/// <remarks>
/// The interface is synchronous, so its methods block a thread. Data Protection calls them at the start, and about once a day.
/// </remarks>
internal sealed partial class KestrelKvXmlRepository(
    KestrelKvClient client, KestrelKvDataProtectionOptions options, ILogger<KestrelKvXmlRepository> logger) : IDeletableXmlRepository
{
    /// <summary>The number of characters of a friendly name that become part of a key.</summary>
    private const int NameLengthMax = 200;

    private volatile bool _isServerChecked;

    public IReadOnlyCollection<XElement> GetAllElements() => SynchronousCall.Run(this, static repository => repository.ReadAsync());

    public void StoreElement(XElement element, string friendlyName)
    {
        ArgumentNullException.ThrowIfNull(element);
        SynchronousCall.Run(
            (Repository: this, Name: NameOf(friendlyName), Text: element.ToString(SaveOptions.DisableFormatting)),
            static call => call.Repository.AddAsync(call.Name, call.Text));
    }

    public bool DeleteElements(Action<IReadOnlyCollection<IDeletableElement>> chooseElements)
    {
        ArgumentNullException.ThrowIfNull(chooseElements);
        return SynchronousCall.Run((Repository: this, Choose: chooseElements), static call => call.Repository.DeleteAsync(call.Choose));
    }

    private async ValueTask<IReadOnlyCollection<XElement>> ReadAsync()
    {
        await CheckServerAsync().ConfigureAwait(false);
        var elements = new List<XElement>();
        await foreach (Entry<string> entry in client.ScanAsync(options.Prefix, PayloadTypes.String).ConfigureAwait(false)) elements.Add(XElement.Parse(entry.Value!));
        return elements.AsReadOnly();
    }

    private async ValueTask<bool> AddAsync(string name, string text)
    {
        await CheckServerAsync().ConfigureAwait(false);
        string key = options.Prefix + name;
        while (true)
        {
            // The server recognizes a retry of this write by its request id, so an existing key belongs to another element.
            WriteResult result = await client.PutAsync(key, text, PayloadTypes.String, new() { IfExists = false, Retry = WriteRetry.ExactlyOnce }).ConfigureAwait(false);
            if (result.Applied) return true;
            key = $"{options.Prefix}{name}-{Guid.NewGuid():N}";
        }
    }

    private async ValueTask<bool> DeleteAsync(Action<IReadOnlyCollection<IDeletableElement>> choose)
    {
        await CheckServerAsync().ConfigureAwait(false);
        var elements = new List<Element>();
        await foreach (Entry<string> entry in client.ScanAsync(options.Prefix, PayloadTypes.String).ConfigureAwait(false)) elements.Add(new(entry.Key, XElement.Parse(entry.Value!)));
        choose(elements);
        // The order matters: if a removal fails, the later ones must not happen.
        foreach (Element element in elements.Where(element => element.DeletionOrder is not null).OrderBy(element => element.DeletionOrder))
        {
            try
            {
                await client.DeleteAsync(element.Key).ConfigureAwait(false);
            }
            catch (KestrelKvException e)
            {
                LogNotDeleted(e, element.Key);
                return false;
            }
        }
        return true;
    }

    /// <summary>Refuses a server that may lose keys.</summary>
    /// <exception cref="InvalidOperationException">The server evicts entries, or keeps its data in memory only.</exception>
    private async ValueTask CheckServerAsync()
    {
        if (_isServerChecked) return;
        JsonElement info = await client.InfoAsync().ConfigureAwait(false);
        if (info.TryGetProperty("eviction", out JsonElement eviction) && eviction.GetString() is { } policy and not "None")
        {
            throw new InvalidOperationException(
                $"The KestrelKv server evicts entries at its memory limit (Store:Eviction is {policy}), so it may lose keys of Data Protection. " +
                "Use a server with Store:Eviction=None, such as a separate one.");
        }
        if (info.TryGetProperty("durability", out JsonElement durability))
        {
            if (durability.GetString() == "Memory" && !options.AllowMemoryDurability)
            {
                throw new InvalidOperationException(
                    "The KestrelKv server keeps its data in memory only (Data:Durability is Memory), so a restart would lose the keys of Data Protection. " +
                    $"Use another durability, or set {nameof(KestrelKvDataProtectionOptions)}.{nameof(KestrelKvDataProtectionOptions.AllowMemoryDurability)}.");
            }
        }
        else
        {
            LogUnchecked();
        }
        _isServerChecked = true;
    }

    /// <summary>Returns a friendly name with characters that are easy to read and type in a key; other characters become <c>_</c>.</summary>
    private static string NameOf(string? friendlyName)
    {
        if (string.IsNullOrEmpty(friendlyName)) return Guid.NewGuid().ToString("N");
        var name = new StringBuilder();
        foreach (char c in friendlyName.AsSpan(0, Math.Min(friendlyName.Length, NameLengthMax)))
            name.Append(char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '_');
        return name.ToString();
    }

    [LoggerMessage(1, LogLevel.Warning, "The user of KestrelKv has no right to read the server's eviction policy and durability (admin), so it is unknown whether the server may lose keys of Data Protection.")]
    private partial void LogUnchecked();

    [LoggerMessage(2, LogLevel.Error, "The element {Key} was not deleted.")]
    private partial void LogNotDeleted(Exception error, string key);

    private sealed class Element(string key, XElement element) : IDeletableElement
    {
        public string Key => key;

        XElement IDeletableElement.Element => element;

        public int? DeletionOrder { get; set; }
    }
}
