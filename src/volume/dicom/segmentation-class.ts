/** @file By which class a DICOM object says that it is a segmentation. */

/** Segmentations of a bit for each pixel, or fractions. */
export const SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4";
/** Segmentations whose pixels are labels (2024). */
export const LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7";

/** Whether objects of a class are segmentations. */
export const isSegmentationClass = (sopClass: string): boolean => [SEGMENTATION, LABELMAP].includes(sopClass);
