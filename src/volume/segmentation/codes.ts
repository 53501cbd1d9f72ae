/**
 * @file What a segment is, as codes that other software understands, from the name of its class.
 *
 * Categories are those of context group 7150 of DICOM PS3.16 (2025), types those of its groups 7191 (tissues), 7192
 * (anatomical structures) and 7194 (morphologically abnormal structures); sides are group 244. A name that is not one
 * of these gets the code for tissue of no further description: a wrong code would be worse than none.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_CID_7151.html
 */

/** A coded concept. */
export interface Code {
  readonly scheme: string;
  readonly value: string;
  readonly meaning: string;
}

/** What a segment is. */
export interface Meaning {
  readonly category: Code;
  readonly type: Code;
  /** Left or right. */
  readonly modifier?: Code;
}

const sct = (value: string, meaning: string): Code => ({ scheme: "SCT", value, meaning });

const TISSUE = sct("85756007", "Tissue");
const UNKNOWN: Meaning = { category: TISSUE, type: TISSUE };
const SIDES: ReadonlyMap<string, Code> = new Map([
  ["left", sct("7771000", "Left")],
  ["right", sct("24028007", "Right")],
]);

/** Types by category, each as the code of SNOMED CT and its meaning. */
const TYPES: readonly (readonly [category: Code, types: string])[] = [
  [
    sct("91723000", "Anatomical Structure"),
    `23451007 Adrenal gland, 4958002 Amygdala, 15825003 Aorta, 89837001 Bladder, 12738006 Brain, 119238007 Brain Stem,
     35764002 Brain ventricle, 76752008 Breast, 955009 Bronchus, 11000004 Caudate Nucleus, 113305005 Cerebellum,
     33060004 Cerebellar White Matter, 40146001 Cerebral cortex, 68523003 Cerebral White Matter,
     65216001 Cerebrospinal Fluid, 51299004 Clavicle, 71854001 Colon, 88442005 Corpus callosum, 38848004 Duodenum,
     32849002 Esophagus, 81745001 Eye, 71341001 Femur, 87342007 Fibula, 35918002 Fourth Ventricle, 28231008 Gallbladder,
     14738005 Globus Pallidus, 389081007 Gray Matter, 80891009 Heart, 8993003 Hepatic vein, 5366008 Hippocampus,
     85050009 Humerus, 64131007 Inferior vena cava, 64033007 Kidney, 14742008 Large intestine, 66720007 Lateral Ventricle,
     82471001 Left atrium, 87878005 Left ventricle, 10200004 Liver, 39607008 Lung, 91609006 Mandible,
     427667007 Nucleus Accumbens, 244453006 Optic chiasm, 15497006 Ovary, 15776009 Pancreas, 45289007 Parotid gland,
     64234005 Patella, 76848001 Pericardium, 32764006 Portal vein, 41216001 Prostate, 81040000 Pulmonary artery,
     89278009 Putamen, 34402009 Rectum, 113197003 Rib, 73829009 Right atrium, 53085002 Right ventricle, 54735007 Sacrum,
     79601000 Scapula, 64739004 Seminal Vesicle, 89546000 Skull, 30315005 Small intestine, 2748008 Spinal cord,
     78961009 Spleen, 56873002 Sternum, 69695003 Stomach, 54019009 Submandibular gland, 48345005 Superior vena cava,
     42695009 Thalamus, 49841001 Third ventricle, 69748006 Thyroid, 44567001 Trachea, 35039007 Uterus, 51282000 Vertebra,
     389080008 White Matter`,
  ],
  [
    TISSUE,
    `51114001 Artery, 87612001 Blood, 59820001 Blood Vessel, 3138006 Bone, 309312004 Cartilage, 55603005 Fat,
     59441001 Lymph Node, 74135004 Meniscus, 91727004 Muscle, 91728009 Nerve, 39937001 Skin, 87784001 Soft tissue,
     29092000 Vein`,
  ],
  [
    sct("49755003", "Morphologically Abnormal Structure"),
    `44132006 Abscess, 367643001 Cyst, 79654002 Edema, 55584005 Embolus, 50960005 Hemorrhage, 52988006 Lesion,
     4147007 Mass, 6574001 Necrosis, 108369006 Neoplasm, 27925004 Nodule`,
  ],
];

/** Other words that data sets use for the same. */
const SYNONYMS: Readonly<Record<string, string>> = {
  accumbens: "nucleus accumbens",
  brainstem: "brain stem",
  cancer: "neoplasm",
  caudate: "caudate nucleus",
  csf: "cerebrospinal fluid",
  "grey matter": "gray matter",
  haemorrhage: "hemorrhage",
  "large bowel": "large intestine",
  oedema: "edema",
  oesophagus: "esophagus",
  pallidum: "globus pallidus",
  "small bowel": "small intestine",
  "thyroid gland": "thyroid",
  tumor: "neoplasm",
  tumour: "neoplasm",
  "urinary bladder": "bladder",
  vessel: "blood vessel",
};

const MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  TYPES.flatMap(([category, types]) =>
    types.split(/,\s+/).map((entry): [string, Meaning] => {
      const [, value, meaning] = /^(\d+) (.+)$/.exec(entry)!;
      return [meaning!.toLowerCase(), { category, type: sct(value!, meaning!) }];
    }),
  ),
);

/** All meanings that names are looked up among. */
export const KNOWN_MEANINGS: readonly Meaning[] = [...MEANINGS.values()];

/** What a class of this name is: `kidney_left`, `Left kidney` and `kidneys` are kidneys. */
export function meaningOfName(name: string): Meaning {
  const words = name
    .toLowerCase()
    .split(/[\s_.-]+/)
    .filter(Boolean);
  const whole = known(words);
  if (whole) return whole;
  const side = words.filter((word) => SIDES.has(word));
  const part = known(words.filter((word) => !SIDES.has(word)));
  return part && side.length === 1 ? { ...part, modifier: SIDES.get(side[0]!)! } : UNKNOWN;
}

function known(words: readonly string[]): Meaning | undefined {
  const name = words.join(" ");
  const singular = name.replace(/s$/, "");
  return [name, singular]
    .map((one) => MEANINGS.get(SYNONYMS[one] ?? one))
    .find((found) => found !== undefined);
}
